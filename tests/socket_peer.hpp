// The other side of a socket, in the hands of a test: plain calls of the system.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace millrace::test {

/// Listens on a free port of this machine.
class server {
 public:
  server() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(fd_, 8) != 0)
      throw std::runtime_error("no port to listen on");
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server() { ::close(fd_); }

  std::uint16_t port() const { return port_; }
  /// Waits for the next client; the caller closes it.
  int accept() const { return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

/// At most `piece` bytes at a time. False: the other side is gone.
inline bool send_all(int to, std::string_view bytes, std::size_t piece = SIZE_MAX) {
  while (!bytes.empty()) {
    const ssize_t n =
        ::send(to, bytes.data(), bytes.size() < piece ? bytes.size() : piece, MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// Until the other side closes.
inline std::string receive_all(int from) {
  std::string all;
  char some[100];
  for (ssize_t n; (n = ::recv(from, some, sizeof some, 0)) > 0;)
    all.append(some, static_cast<std::size_t>(n));
  return all;
}

}  // namespace millrace::test
