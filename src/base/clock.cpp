#include "millrace/detail/base/clock.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace millrace::detail {

using namespace std::chrono_literals;

/// What a waiting thread sleeps on. Locked after a manual clock's mutex, never before it.
struct interruption::bell {
  std::mutex mutex;
  std::condition_variable rung;
  std::uint64_t rings = 0;
  std::atomic<bool> raised{false};  // written under the mutex

  void ring() {
    {
      const std::lock_guard lock{mutex};
      ++rings;
    }
    rung.notify_all();
  }
};

interruption::interruption() : bell_{std::make_unique<bell>()} {}
interruption::~interruption() = default;

void interruption::raise() {
  {
    const std::lock_guard lock{bell_->mutex};
    bell_->raised = true;
  }
  bell_->rung.notify_all();
}

void interruption::reset() {
  const std::lock_guard lock{bell_->mutex};
  bell_->raised = false;
}

bool interruption::raised() const { return bell_->raised; }

clock::~clock() = default;

class system_clock final : public clock {
 public:
  [[nodiscard]] time_point_ms now() const override {
    return std::chrono::floor<std::chrono::milliseconds>(exact());
  }

  bool wait_until(time_point_ms until, const interruption& stop) override {
    interruption::bell& bell = *stop.bell_;
    std::unique_lock lock{bell.mutex};
    for (;;) {
      if (bell.raised) return false;
      const auto time = exact();
      // Compared in milliseconds, because the nanoseconds to a far time do not fit.
      const auto coarse = std::chrono::floor<std::chrono::milliseconds>(time);
      if (coarse >= until) return true;
      const bool far = until - coarse > 1h;
      // wait_for measures on the steady clock, too.
      bell.rung.wait_for(lock, far ? std::chrono::nanoseconds{1h} : until - time);
    }
  }

 private:
  std::chrono::sys_time<std::chrono::nanoseconds> exact() const {
    return wall_ + (std::chrono::steady_clock::now() - steady_);
  }

  const std::chrono::sys_time<std::chrono::nanoseconds> wall_ = std::chrono::system_clock::now();
  const std::chrono::steady_clock::time_point steady_ = std::chrono::steady_clock::now();
};

clock& system_clock_source() {
  static system_clock* const source =
      new system_clock;  // never destroyed: threads may outlive main
  return *source;
}

struct manual_clock::state {
  struct waiter {
    time_point_ms until;
    interruption::bell* bell;
  };

  std::mutex mutex;
  std::condition_variable changed;
  time_point_ms now;
  std::vector<waiter*> waiters;

  /// REQUIRES: the mutex is held.
  void move_to(time_point_ms time) {
    now = time;
    for (const waiter* one : waiters) {
      if (one->until <= now) one->bell->ring();
    }
    changed.notify_all();
  }
};

manual_clock::manual_clock(time_point_ms start) : state_{std::make_unique<state>()} {
  state_->now = start;
}
manual_clock::~manual_clock() = default;

time_point_ms manual_clock::now() const {
  const std::lock_guard lock{state_->mutex};
  return state_->now;
}

bool manual_clock::wait_until(time_point_ms until, const interruption& stop) {
  interruption::bell& bell = *stop.bell_;
  state::waiter self{until, &bell};
  bool enlisted = false;
  bool reached = false;
  for (;;) {
    std::uint64_t heard = 0;
    {
      const std::lock_guard lock{bell.mutex};
      if (bell.raised) break;
      heard = bell.rings;
    }
    {
      const std::lock_guard lock{state_->mutex};
      reached = state_->now >= until;
      if (!reached && !enlisted) {
        state_->waiters.push_back(&self);
        enlisted = true;
        state_->changed.notify_all();
      }
    }
    if (reached) break;
    std::unique_lock lock{bell.mutex};
    bell.rung.wait(lock, [&] { return bell.raised || bell.rings != heard; });
  }
  if (enlisted) {
    const std::lock_guard lock{state_->mutex};
    std::erase(state_->waiters, &self);
  }
  return reached;
}

void manual_clock::set(time_point_ms now) {
  const std::lock_guard lock{state_->mutex};
  state_->move_to(now);
}

void manual_clock::advance(std::chrono::milliseconds by) {
  const std::lock_guard lock{state_->mutex};
  state_->move_to(state_->now + by);
}

void manual_clock::await_waiters(int count) const {
  std::unique_lock lock{state_->mutex};
  state_->changed.wait(lock, [&] {
    return std::count_if(state_->waiters.begin(), state_->waiters.end(), [&](const auto* waiter) {
             return waiter->until > state_->now && !waiter->bell->raised;
           }) >= count;
  });
}

}  // namespace millrace::detail
