#include "connectors/socket/tcp.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>
#include <utility>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;

constexpr int look_again = 100;  // milliseconds
constexpr auto patience = 30s;

[[noreturn]] void fail(const char* what, int code) {
  throw error(std::string(what) + ": " + std::generic_category().message(code));
}

/// Whether the socket is ready; false after `timeout` milliseconds.
bool ready(int number, short what, int timeout) {
  pollfd one{number, what, 0};
  const int n = ::poll(&one, 1, timeout);
  if (n < 0 && errno != EINTR) fail("waiting for a socket", errno);
  return n > 0;
}

}  // namespace

tcp_socket::tcp_socket(tcp_socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

tcp_socket::~tcp_socket() {
  if (number_ >= 0) ::close(number_);
}

bool tcp_socket::wait_readable(const std::function<bool()>& stop) const {
  while (!stop())
    if (ready(number_, POLLIN, look_again)) return true;
  return false;
}

std::size_t tcp_socket::read(char* to, std::size_t most) const {
  for (;;) {
    const ::ssize_t n = ::recv(number_, to, most, 0);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN) (void)ready(number_, POLLIN, look_again);
    else if (errno != EINTR) fail("the connection broke", errno);
  }
}

void tcp_socket::write(std::string_view bytes) const {
  auto until = std::chrono::steady_clock::now() + patience;
  while (!bytes.empty()) {
    const ::ssize_t n = ::send(number_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      until = std::chrono::steady_clock::now() + patience;
    } else if (errno == EAGAIN) {
      (void)ready(number_, POLLOUT, look_again);
      if (std::chrono::steady_clock::now() > until)
        throw error("the other side has read nothing for 30 s");
    } else if (errno != EINTR) {
      fail("the connection broke", errno);
    }
  }
}

void tcp_socket::finish() const {
  if (::shutdown(number_, SHUT_WR) != 0) fail("the connection broke", errno);
  const auto until = std::chrono::steady_clock::now() + patience;
  char rest[512];
  for (;;) {
    if (!ready(number_, POLLIN, look_again)) {
      if (std::chrono::steady_clock::now() > until)
        throw error("the other side does not close the connection; it has had 30 s");
    } else if (read(rest, sizeof rest) == 0) {
      return;
    }
  }
}

tcp_socket connect_to(const std::string& host, int port, const std::function<bool()>& stop) {
  const std::string peer = host + ":" + std::to_string(port);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
      code != 0)
    throw error("could not find the host " + peer + ": " + ::gai_strerror(code));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> release(found, &::freeaddrinfo);
  int failure = EHOSTUNREACH;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    tcp_socket one(::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (one.number() < 0) {
      failure = errno;
      continue;
    }
    if (::connect(one.number(), at->ai_addr, at->ai_addrlen) == 0) return one;
    failure = errno;
    if (failure != EINPROGRESS) continue;
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!ready(one.number(), POLLOUT, look_again)) {
      if (stop()) throw error("connecting to " + peer + " was given up");
      if (std::chrono::steady_clock::now() > until) break;
    }
    socklen_t size = sizeof failure;
    failure = ETIMEDOUT;
    if (ready(one.number(), POLLOUT, 0))
      ::getsockopt(one.number(), SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure == 0) return one;
  }
  fail(("could not connect to " + peer).c_str(), failure);
}

}  // namespace millrace::detail
