#include "program/signals.hpp"

#include <semaphore.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>

namespace millrace::program {
namespace {

constexpr std::array taken_signals{SIGINT, SIGTERM};

// What the handler touches: never destroyed, and all of it safe in a handler.
std::atomic<bool> asked{false};
sem_t something_happened;

/// Watching threads that are to end and have not noticed. Another one may take their call.
std::atomic<int> leaving{0};

void handle(int signal) {
  const int before = errno;
  if (asked.exchange(true)) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);  // comes when this handler returns
  } else {
    ::sem_post(&something_happened);
  }
  errno = before;
}

}  // namespace

struct termination_signals::watch {
  std::function<void()> on_signal;
  std::atomic<bool> over{false};
  std::mutex mutex;
  std::array<bool, taken_signals.size()> taken{};

  void run() {
    for (;;) {
      while (::sem_wait(&something_happened) != 0) {  // interrupted by a signal
      }
      if (over) {
        --leaving;
        return;
      }
      if (leaving != 0) {
        ::sem_post(&something_happened);
        std::this_thread::yield();
      } else if (asked && on_signal) {
        on_signal();
        on_signal = {};
      }
    }
  }
};

termination_signals::termination_signals(std::function<void()> on_signal)
    : watch_(std::make_shared<watch>()) {
  static std::once_flag once;
  std::call_once(once, [] { ::sem_init(&something_happened, 0, 0); });
  asked = false;
  watch_->on_signal = std::move(on_signal);

  bool any = false;
  for (std::size_t i = 0; i < taken_signals.size(); ++i) {
    struct sigaction now = {};
    if (::sigaction(taken_signals[i], nullptr, &now) != 0) continue;
    if ((now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL) continue;
    struct sigaction ours = {};
    ours.sa_handler = handle;
    ours.sa_flags = SA_RESTART;
    ::sigemptyset(&ours.sa_mask);
    watch_->taken[i] = ::sigaction(taken_signals[i], &ours, nullptr) == 0;
    any = any || watch_->taken[i];
  }
  // Detached: it may be ended from any thread, and from a function that it called itself.
  watch_->over = !any;
  if (any) std::thread([watch = watch_] { watch->run(); }).detach();
}

void termination_signals::restore() noexcept {
  const std::lock_guard lock(watch_->mutex);
  if (watch_->over.exchange(true)) return;
  ++leaving;
  for (std::size_t i = 0; i < taken_signals.size(); ++i) {
    if (!watch_->taken[i]) continue;
    struct sigaction now = {};
    // A handler that the program has set since then stays.
    if (::sigaction(taken_signals[i], nullptr, &now) != 0 || now.sa_handler != handle) continue;
    ::signal(taken_signals[i], SIG_DFL);
  }
  ::sem_post(&something_happened);
}

}  // namespace millrace::program
