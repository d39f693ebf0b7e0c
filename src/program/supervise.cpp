#include "program/supervise.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::program {
namespace {

using namespace std::chrono_literals;

constexpr std::array passed_on{SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
constexpr int not_to_be_run = 2;  // what `launch` returns where the program can't be
constexpr int not_found = 127;

/// While it lives, the signals that matter wait to be taken, in this thread and those it begins.
class held_signals {
 public:
  held_signals() {
    ::sigemptyset(&all_);
    ::sigaddset(&all_, SIGCHLD);
    for (const int one : passed_on) {
      struct sigaction now = {};
      // What whoever started us ignores (nohup) stays so.
      if (::sigaction(one, nullptr, &now) == 0 && now.sa_handler != SIG_IGN)
        ::sigaddset(&all_, one);
    }
    struct sigaction by_default = {};
    by_default.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &by_default, &child_before_);  // ignored, it would leave no status
    ::pthread_sigmask(SIG_BLOCK, &all_, &before_);
  }
  ~held_signals() {
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    ::sigaction(SIGCHLD, &child_before_, nullptr);
  }
  held_signals(const held_signals&) = delete;
  held_signals& operator=(const held_signals&) = delete;

  /// The next one; 0: none came in time.
  siginfo_t take(std::chrono::milliseconds most) const {
    siginfo_t info{};
    const auto until = std::chrono::steady_clock::now() + most;
    for (;;) {
      const auto left =
          std::max(0ns, std::chrono::nanoseconds(until - std::chrono::steady_clock::now()));
      const timespec time{static_cast<time_t>(left / 1s), static_cast<long>((left % 1s).count())};
      if (::sigtimedwait(&all_, &info, &time) > 0) return info;
      info.si_signo = 0;
      if (errno == EAGAIN) return info;
    }
  }
  siginfo_t take() const {
    siginfo_t info{};
    while (::sigwaitinfo(&all_, &info) <= 0) {
    }
    return info;
  }
  /// In the child.
  void restore() const { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t all_{};
  sigset_t before_{};
  struct sigaction child_before_ = {};
};

bool ends_it(int signal) { return signal != SIGUSR1 && signal != SIGUSR2; }

pid_t begin(const supervision& how, const held_signals& held) {
  std::vector<char*> arguments;
  for (const std::string& one : how.arguments) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == -1)
    throw error("no process could be made for the program (" +
                std::generic_category().message(errno) + ")");
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(not_found);  // it died before that
  held.restore();
  ::execv(how.program.c_str(), arguments.data());
  ::_exit(not_found);
}

/// Its wait status. `stopping`: it was told to end.
int end_of(pid_t child, const held_signals& held, bool& stopping) {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended == -1 && errno != EINTR)
      throw error("the program's end was not seen (" + std::generic_category().message(errno) +
                  ")");
    const siginfo_t info = held.take();
    if (info.si_signo == SIGCHLD) continue;
    stopping = stopping || ends_it(info.si_signo);
    // The terminal has sent its own to both of us.
    if (info.si_code != SI_KERNEL) ::kill(child, info.si_signo);
  }
}

std::string words(int status) {
  if (WIFSIGNALED(status)) {
    const char* const name = ::sigabbrev_np(WTERMSIG(status));
    return "was ended by SIG" +
           (name == nullptr ? std::to_string(WTERMSIG(status)) : std::string(name));
  }
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

int supervise(const supervision& how) {
  const held_signals held;
  bool stopping = false;
  int restarts = 0;
  for (;;) {
    const auto begun = std::chrono::steady_clock::now();
    const int status = end_of(begin(how, held), held, stopping);
    const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (stopping || code == 0 || code == not_to_be_run || code == not_found) return code;

    if (std::chrono::steady_clock::now() - begun >= how.steady) restarts = 0;
    if (restarts == how.most_restarts) {
      detail::log_error("the program " + words(status) +
                        " and is not started again, for it died too often in a row; times: " +
                        std::to_string(restarts + 1));
      return code;
    }
    const auto pause = std::min<std::chrono::milliseconds>(
        how.first_pause * (std::int64_t{1} << std::min(restarts, 30)), how.longest_pause);
    ++restarts;
    detail::log_warn("the program " + words(status) + " and is started again, for the " +
                     std::to_string(restarts) + ". time of " + std::to_string(how.most_restarts) +
                     " in a row, in ms: " + std::to_string(pause.count()));
    const auto until = std::chrono::steady_clock::now() + pause;
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      if (left.count() <= 0) break;
      const siginfo_t info = held.take(left);
      if (info.si_signo == 0) break;
      if (info.si_signo != SIGCHLD && ends_it(info.si_signo)) return code;
    }
  }
}

}  // namespace millrace::program
