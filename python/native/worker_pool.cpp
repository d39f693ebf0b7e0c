#include "worker_pool.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/task_set.hpp"
#include "millrace/error.hpp"

namespace millrace::python {

thread_local const std::atomic<bool>* job_cancelled = nullptr;

namespace {

struct header {
  std::uint32_t what;
  std::uint32_t number;
  std::uint64_t size;
};

struct task_header {
  std::uint32_t partition;
  std::uint32_t attempt;
  std::int64_t stage;
  std::uint64_t size;
};

/// How often a waiting thread looks whether its task is still wanted.
constexpr int look_every_ms = 100;

[[noreturn]] void throw_lost(const char* why) {
  throw worker_lost(std::string("a Python worker process ended in the middle of a task, see what "
                                "it printed; it may have crashed, called os._exit or run out of "
                                "memory: ") +
                    why);
}

}  // namespace

worker::~worker() { ::close(socket_); }

void worker::send(const void* bytes, std::size_t n) {
  const char* at = static_cast<const char*>(bytes);
  while (n != 0) {
    const ssize_t sent = ::send(socket_, at, n, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw_lost(std::strerror(errno));
    at += sent;
    n -= static_cast<std::size_t>(sent);
  }
}

bool worker::read(void* to, std::size_t n, const detail::task_context& task) {
  char* at = static_cast<char*>(to);
  while (n != 0) {
    const ssize_t got = ::recv(socket_, at, n, MSG_DONTWAIT);
    if (got > 0) {
      at += got;
      n -= static_cast<std::size_t>(got);
      continue;
    }
    if (got == 0) throw_lost("end of its messages");
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) throw_lost(std::strerror(errno));
    if (task.cancelled()) return false;
    if (job_cancelled != nullptr && *job_cancelled) throw error("the job was cancelled");
    pollfd waited{socket_, POLLIN, 0};
    if (::poll(&waited, 1, look_every_ms) < 0 && errno != EINTR) throw_lost(std::strerror(errno));
  }
  return true;
}

void worker::begin(const detail::task_context& task, int partition, std::string_view function) {
  if (process_ == 0) {
    std::uint64_t process = 0;
    if (!read(&process, sizeof process, task)) throw error("cancelled");
    process_ = static_cast<pid_t>(process);
  }
  const task_header h{static_cast<std::uint32_t>(partition),
                      static_cast<std::uint32_t>(task.attempt()), detail::running_task().stage,
                      function.size()};
  send(&h, sizeof h);
  send(function.data(), function.size());
}

message worker::receive(const detail::task_context& task) {
  header h{};
  if (!read(&h, sizeof h, task)) return {};
  buffer_.resize(h.size);
  if (!read(buffer_.data(), h.size, task)) return {};
  return {static_cast<message::kind>(h.what), h.number, buffer_};
}

void worker::send_rows(const std::vector<std::string_view>& frames, bool text) {
  std::vector<std::uint64_t> sizes{frames.size() | (text ? std::uint64_t{1} << 63 : 0)};
  for (const auto frame : frames) sizes.push_back(frame.size());
  send(sizes.data(), sizes.size() * sizeof(std::uint64_t));
  for (const auto frame : frames) send(frame.data(), frame.size());
}

void worker::send_more(bool more) {
  const char answer = more ? 1 : 0;
  send(&answer, 1);
}

void worker::kill() noexcept {
  if (process_ > 0) ::kill(process_, SIGKILL);
}

worker_pool::~worker_pool() { stop(); }

std::unique_ptr<worker> worker_pool::fork_one() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw error(std::string("could not make a socket for a Python worker: ") +
                std::strerror(errno));
  auto ours = std::make_unique<worker>(ends[0]);
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
  const ssize_t sent = server_ < 0 ? -1 : ::sendmsg(server_, &order, MSG_NOSIGNAL);
  const int why = server_ < 0 ? ENOTCONN : errno;
  ::close(ends[1]);
  if (sent != 1)
    throw error(std::string("the fork server of the Python workers is gone: ") +
                std::strerror(why));
  return ours;
}

std::unique_ptr<worker> worker_pool::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return fork_one();
  auto one = std::move(idle_.back());
  idle_.pop_back();
  return one;
}

void worker_pool::give_back(std::unique_ptr<worker> idle) {
  const std::lock_guard lock(mutex_);
  if (server_ >= 0) idle_.push_back(std::move(idle));
}

void worker_pool::prepare(int workers) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < workers; ++i) idle_.push_back(fork_one());
}

void worker_pool::stop() noexcept {
  const std::lock_guard lock(mutex_);
  idle_.clear();
  if (server_ >= 0) ::close(std::exchange(server_, -1));
}

void worker_pool::gained(std::string_view updates) {
  if (updates.empty()) return;
  const std::lock_guard lock(mutex_);
  gained_.emplace_back(updates);
}

std::vector<std::string> worker_pool::take_gained() {
  const std::lock_guard lock(mutex_);
  return std::exchange(gained_, {});
}

}  // namespace millrace::python
