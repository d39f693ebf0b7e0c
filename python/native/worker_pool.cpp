#include "worker_pool.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <utility>

#include "engine/task_set.hpp"
#include "millrace/bad_record.hpp"
#include "millrace/detail/engine/jobs.hpp"
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
  std::int64_t task;  // no other of this process has this number
  std::uint64_t size;
};

/// How often a waiting thread looks whether its task is still wanted.
constexpr int look_every_ms = 100;

iovec part(std::string_view bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size()};  // it is only read
}

}  // namespace

worker::~worker() { ::close(socket_); }

void worker::send(std::vector<iovec>& parts) {
  for (std::size_t i = 0; i < parts.size();) {
    msghdr sent{};
    sent.msg_iov = parts.data() + i;
    sent.msg_iovlen = std::min<std::size_t>(parts.size() - i, IOV_MAX);
    const ssize_t n = ::sendmsg(socket_, &sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_ended(std::strerror(errno));
    std::size_t left = static_cast<std::size_t>(n);
    for (; i < parts.size() && left >= parts[i].iov_len; ++i) left -= parts[i].iov_len;
    if (i == parts.size()) return;
    parts[i].iov_base = static_cast<char*>(parts[i].iov_base) + left;
    parts[i].iov_len -= left;
  }
}

bool worker::read(void* to, std::size_t n, const detail::task_context& task) {
  using clock = std::chrono::steady_clock;
  char* at = static_cast<char*>(to);
  clock::time_point silent_since{};  // that: it is not
  while (n != 0) {
    const ssize_t got = ::recv(socket_, at, n, MSG_DONTWAIT);
    if (got > 0) {
      silent_since = {};
      at += got;
      n -= static_cast<std::size_t>(got);
      continue;
    }
    if (got == 0) throw_ended("end of its messages");
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) throw_ended(std::strerror(errno));
    if (task.cancelled()) return false;
    if ((job_cancelled != nullptr && *job_cancelled) || detail::lane_cancelled())
      throw error("the job was cancelled");
    if (patience_.count() != 0) {
      const auto now = clock::now();
      if (silent_since == clock::time_point{}) silent_since = now;
      if (now - silent_since >= patience_) throw_silent();
    }
    pollfd waited{socket_, POLLIN, 0};
    if (::poll(&waited, 1, look_every_ms) < 0 && errno != EINTR) throw_ended(std::strerror(errno));
  }
  return true;
}

bool worker::is_there() const {
  char any = 0;
  return ::recv(socket_, &any, 1, MSG_PEEK | MSG_DONTWAIT) != 0;  // 0: the other end is closed
}

void worker::throw_ended(const char* why) {
  std::string how = process_ > 0 ? server_.end_of(process_) : std::string();
  if (how.empty())
    how = std::string("ended in the middle of a task, see what it printed; it may have crashed, "
                      "called os._exit or run out of memory: ") +
          why;
  throw worker_lost("a Python worker process " + how);
}

void worker::throw_silent() {
  kill();
  throw worker_lost(
      "a Python worker process neither asked for rows nor gave any, and was ended after "
      "spark.python.worker.idleTimeoutSeconds: " +
      std::to_string(patience_.count() / 1000));
}

void worker::begin(const detail::task_context& task, int partition, std::string_view function) {
  if (process_ == 0) {
    std::uint64_t process = 0;
    if (!read(&process, sizeof process, task)) throw error("cancelled");
    process_ = static_cast<pid_t>(process);
  }
  static std::atomic<std::int64_t> begun{0};
  task_header h{static_cast<std::uint32_t>(partition), static_cast<std::uint32_t>(task.attempt()),
                detail::running_task().stage, begun.fetch_add(1, std::memory_order_relaxed),
                function.size()};
  std::vector<iovec> parts{{&h, sizeof h}, part(function)};
  send(parts);
}

message worker::receive(const detail::task_context& task) {
  header h{};
  if (!read(&h, sizeof h, task)) return {};
  buffer_.resize(h.size);
  if (!read(buffer_.data(), h.size, task)) return {};
  return {static_cast<message::kind>(h.what), h.number, buffer_};
}

/// For each frame its place and its size, then all their bytes.
void worker::read_frames(const message& m, std::vector<frame>& to) {
  constexpr std::size_t place_bytes = sizeof(frame_place) + sizeof(std::uint64_t);
  to.clear();
  std::size_t at = m.number * place_bytes;
  for (std::uint32_t i = 0; i < m.number && at <= m.bytes.size(); ++i) {
    frame_place place;
    std::uint64_t size = 0;
    const char* from = m.bytes.data() + i * place_bytes;
    std::memcpy(&place.first, from, sizeof place.first);
    std::memcpy(&place.second, from += sizeof place.first, sizeof place.second);
    std::memcpy(&size, from + sizeof place.second, sizeof size);
    if (size > m.bytes.size() - at) break;
    to.emplace_back(place, m.bytes.substr(at, size));
    at += size;
  }
  if (to.size() != m.number || to.size() > detail::chunk_rows)
    throw worker_lost("a Python worker gave frames that do not add up");
}

void worker::reject(const message& m) {
  std::array<std::uint32_t, 4> sizes{};
  std::array<std::string_view, 4> parts;
  std::string_view left = m.bytes;
  if (left.size() < sizeof sizes) throw worker_lost("a Python worker told of a record in part");
  std::memcpy(sizes.data(), left.data(), sizeof sizes);
  left.remove_prefix(sizeof sizes);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (left.size() < sizes[i]) throw worker_lost("a Python worker told of a record in part");
    parts[i] = left.substr(0, sizes[i]);
    left.remove_prefix(sizes[i]);
  }
  millrace::reject(m.number == 1 ? on_bad_record::quarantine : on_bad_record::skip,
                   {parts[0], parts[1], parts[2], parts[3]});
  send_more(true);
}

void worker::send_rows(const std::vector<std::string_view>& frames, bool text) {
  std::vector<std::uint64_t> sizes{frames.size() | (text ? std::uint64_t{1} << 63 : 0)};
  for (const auto one : frames) sizes.push_back(one.size());
  std::vector<iovec> parts{{sizes.data(), sizes.size() * sizeof(std::uint64_t)}};
  for (const auto one : frames) parts.push_back(part(one));
  send(parts);
}

void worker::send_more(bool more) {
  char answer = more ? 1 : 0;
  std::vector<iovec> parts{{&answer, 1}};
  send(parts);
}

void worker::kill() noexcept {
  if (process_ > 0) ::kill(process_, SIGKILL);
}

worker_pool::~worker_pool() { stop(); }

std::unique_ptr<worker> worker_pool::fork_one() {
  return std::make_unique<worker>(server_.fork_one(), patience_, server_);
}

std::unique_ptr<worker> worker_pool::take() {
  const std::lock_guard lock(mutex_);
  while (!idle_.empty()) {
    auto one = std::move(idle_.back());
    idle_.pop_back();
    if (one->is_there()) return one;
  }
  return fork_one();
}

void worker_pool::give_back(std::unique_ptr<worker> idle) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) idle_.push_back(std::move(idle));
}

void worker_pool::prepare(int workers) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < workers; ++i) idle_.push_back(fork_one());
}

void worker_pool::stop() noexcept {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  idle_.clear();
  server_.stop();
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
