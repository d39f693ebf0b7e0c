// A port for a server that a test starts: one that nobody listens at.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <system_error>

namespace millrace::testing {

/// Each is given once in a process. Below those that the kernel takes for outgoing connections:
/// of them, a client's connection may take one before the server does, a client that tries a dead
/// server again and again among them: it is then connected to itself.
inline std::uint16_t free_port() {
  constexpr unsigned first = 10'000, behind = 32'768;
  static std::atomic<unsigned> next{std::random_device{}()};
  for (unsigned tries = first; tries < behind; ++tries) {
    const auto port = static_cast<std::uint16_t>(first + next++ % (behind - first));
    const int one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (one < 0) throw std::system_error(errno, std::generic_category(), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const bool bound =
        ::bind(one, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (::close(one) != 0) throw std::system_error(errno, std::generic_category(), "close");
    if (bound) return port;
  }
  throw std::runtime_error("no port is free");
}

}  // namespace millrace::testing
