// The word count over a socket as one would write it without an engine: connects to port 9999 of
// this machine, counts, prints at the end of input. `start` measures how soon it has connected.

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdio>
#include <string>
#include <string_view>

namespace {

int connect_to(const char* host, const char* port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* addresses = nullptr;
  if (::getaddrinfo(host, port, &wanted, &addresses) != 0) return -1;
  int connected = -1;
  for (const addrinfo* at = addresses; at != nullptr && connected < 0; at = at->ai_next) {
    const int candidate = ::socket(at->ai_family, at->ai_socktype, at->ai_protocol);
    if (candidate < 0) continue;
    if (::connect(candidate, at->ai_addr, at->ai_addrlen) == 0) {
      connected = candidate;
    } else {
      ::close(candidate);
    }
  }
  ::freeaddrinfo(addresses);
  return connected;
}

}  // namespace

int main() {
  const int server = connect_to("localhost", "9999");
  if (server < 0) {
    std::fputs("cannot connect to localhost:9999\n", stderr);
    return 1;
  }
  boost::unordered_flat_map<std::string, long> counts;
  std::string word;
  char block[65536];
  for (ssize_t size = 0; (size = ::read(server, block, sizeof block)) > 0;) {
    for (const char c : std::string_view(block, static_cast<std::size_t>(size))) {
      if (c != ' ' && c != '\n') {
        word += c;
      } else if (!word.empty()) {
        ++counts[word];
        word.clear();
      }
    }
  }
  for (const auto& [counted, count] : counts) std::printf("%s %ld\n", counted.c_str(), count);
}
