#include "fork_server.hpp"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "millrace/error.hpp"

namespace millrace::python {

namespace {

std::string in_words(int status) {
  if (WIFEXITED(status))
    return "ended with exit status " + std::to_string(WEXITSTATUS(status)) +
           " in the middle of a task, see what it printed; the program may call os._exit";
  if (!WIFSIGNALED(status)) return {};
  const int number = WTERMSIG(status);
  const char* const name = ::sigabbrev_np(number);
  return "was ended by signal " + std::to_string(number) +
         (name != nullptr ? std::string(" (SIG") + name + ")" : std::string()) +
         " in the middle of a task, see what it printed" +
         (number == SIGKILL ? "; the system ends processes so when memory runs out" : "");
}

}  // namespace

int fork_server::fork_one() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw error(std::string("could not make a socket for a Python worker: ") +
                std::strerror(errno));
  constexpr int room = 1 << 20;  // fewer switches between driver and worker; a wish, not a need
  for (const int end : ends) {
    (void)::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    (void)::setsockopt(end, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }

  char what = 'W';
  iovec text{&what, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
  msghdr order{};
  order.msg_iov = &text;
  order.msg_iovlen = 1;
  order.msg_control = space.data();
  order.msg_controllen = space.size();
  cmsghdr* const rights = CMSG_FIRSTHDR(&order);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &ends[1], sizeof(int));
  const std::unique_lock lock(mutex_);
  const ssize_t sent = socket_ < 0 ? -1 : ::sendmsg(socket_, &order, MSG_NOSIGNAL);
  const int why = socket_ < 0 ? ENOTCONN : errno;
  ::close(ends[1]);
  if (sent != 1) {
    ::close(ends[0]);
    throw error(std::string("the fork server of the Python workers is gone: ") +
                std::strerror(why));
  }
  return ends[0];
}

/// All of an answer; half of one, or one that is left, would be taken for the next.
bool fork_server::receive(void* to, std::size_t n) noexcept {
  char* at = static_cast<char*>(to);
  while (n != 0) {
    const ssize_t got = ::recv(socket_, at, n, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    n -= static_cast<std::size_t>(got);
  }
  return true;
}

std::string fork_server::end_of(pid_t worker) noexcept {
  std::array<char, 1 + sizeof(std::int64_t)> order{'E'};
  const std::int64_t process = worker;
  std::memcpy(order.data() + 1, &process, sizeof process);
  std::int64_t status = -1;
  const std::lock_guard lock(mutex_);
  if (socket_ < 0 ||
      ::send(socket_, order.data(), order.size(), MSG_NOSIGNAL) != ssize_t{order.size()} ||
      !receive(&status, sizeof status) || status < 0)
    return {};
  return in_words(static_cast<int>(status));
}

void fork_server::stop() noexcept {
  const std::lock_guard lock(mutex_);
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

}  // namespace millrace::python
