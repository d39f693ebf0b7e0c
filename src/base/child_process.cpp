#include "base/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

#include "millrace/error.hpp"

extern char** environ;

namespace millrace::detail {

namespace {

[[noreturn]] void fail(const std::string& what, int number) {
  throw error(what + ": " + std::strerror(number));
}

void close_end(int& fd) {
  if (fd != -1) ::close(fd);
  fd = -1;
}

/// Both ends of a pipe that no other child of ours inherits.
struct pipe_ends {
  int ends[2] = {-1, -1};
  pipe_ends() {
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("a pipe could not be made", errno);
  }
  ~pipe_ends() {
    close_end(ends[0]);
    close_end(ends[1]);
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
  /// Gives one end away, as one that never blocks.
  int release(int end) {
    const int fd = std::exchange(ends[end], -1);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
  }
};

/// The attributes of a child: no signal blocked or ignored that we block or ignore.
struct spawn_settings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  spawn_settings(int in, int out) {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    ::posix_spawnattr_init(&attributes);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes, &signals);
    ::sigaddset(&signals, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes, &signals);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~spawn_settings() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;
};

/// SIGPIPE ends a process that has no handler for it: this one gets the error number alone.
ssize_t write_without_signal(int fd, const char* bytes, std::size_t n) {
  sigset_t broken;
  sigset_t before;
  sigset_t pending;
  ::sigemptyset(&broken);
  ::sigaddset(&broken, SIGPIPE);
  ::sigpending(&pending);
  const bool was_pending = ::sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &broken, &before);
  const ssize_t written = ::write(fd, bytes, n);
  const int number = errno;
  if (written < 0 && number == EPIPE && !was_pending) {
    const timespec at_once{};
    while (::sigtimedwait(&broken, nullptr, &at_once) == -1 && errno == EINTR) continue;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = number;
  return written;
}

}  // namespace

child_process::child_process(const std::vector<std::string>& command) {
  pipe_ends in;
  pipe_ends out;
  std::vector<char*> words;
  for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const spawn_settings settings(in.ends[0], out.ends[1]);
  const int number =
      ::posix_spawnp(&id_, words[0], &settings.files, &settings.attributes, words.data(), environ);
  if (number != 0) {
    id_ = -1;
    fail("the command could not be started: " + command[0], number);
  }
  in_ = in.release(1);
  out_ = out.release(0);
}

child_process::~child_process() {
  close_end(in_);
  close_end(out_);
  if (id_ == -1) return;
  ::kill(id_, SIGKILL);
  while (::waitpid(id_, nullptr, 0) == -1 && errno == EINTR) continue;
}

std::size_t child_process::write(std::string_view text) {
  if (in_ == -1) return text.size();
  const ssize_t n = write_without_signal(in_, text.data(), text.size());
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == EAGAIN || errno == EINTR) return 0;
  if (errno != EPIPE) fail("writing to a command failed", errno);
  close_end(in_);
  return text.size();
}

void child_process::end_of_input() { close_end(in_); }

bool child_process::read(std::string& to, std::size_t limit) {
  const std::size_t before = to.size();
  to.resize(before + limit);
  const ssize_t n = ::read(out_, to.data() + before, limit);
  const int number = errno;
  to.resize(before + static_cast<std::size_t>(n > 0 ? n : 0));
  if (n < 0 && number != EAGAIN && number != EINTR) fail("reading from a command failed", number);
  return n != 0;
}

void child_process::wait(bool to_write) const {
  pollfd both[2] = {{out_, POLLIN, 0}, {to_write ? in_ : -1, POLLOUT, 0}};
  ::poll(both, 2, 100);  // an error shows when we read or write
}

bool child_process::ended(std::string& text) {
  text.clear();
  if (id_ == -1) return true;
  // -1 in kernels before 5.3: then the wait is a short one.
  int end = static_cast<int>(::syscall(SYS_pidfd_open, id_, 0));
  pollfd one = {end, POLLIN, 0};
  ::poll(&one, 1, end == -1 ? 1 : 100);
  close_end(end);
  int status = 0;
  const pid_t who = ::waitpid(id_, &status, WNOHANG);
  if (who == 0) return false;
  if (who == -1 && errno == EINTR) return false;
  id_ = -1;
  if (who == -1) fail("a command's status could not be had", errno);
  if (WIFSIGNALED(status)) text = "signal " + std::to_string(WTERMSIG(status));
  else if (WEXITSTATUS(status) != 0) text = "status " + std::to_string(WEXITSTATUS(status));
  return true;
}

}  // namespace millrace::detail
