#pragma once

#include <chrono>
#include <memory>

namespace millrace::detail {

/// Batch times and everything that is compared with them: milliseconds since 1970, UTC.
using time_point_ms = std::chrono::sys_time<std::chrono::milliseconds>;

/// Ends waits early. Sticky: once raised, every wait that is given it returns at once, until
/// `reset`. It belongs to whoever waits (a context has one), so that stopping one of several that
/// share a clock leaves the others asleep. Any thread may call any member; it must outlive the
/// waits that use it.
class interruption {
 public:
  interruption();
  ~interruption();
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;

  void raise();
  void reset();
  [[nodiscard]] bool raised() const;

 private:
  friend class system_clock;
  friend class manual_clock;
  struct bell;
  std::unique_ptr<bell> bell_;
};

/// The one source of time in the engine. All members may be called from any thread.
class clock {
 public:
  virtual ~clock();

  /// What the wall clock shows, rounded down; or another time that goes on like it.
  [[nodiscard]] virtual time_point_ms now() const = 0;

  /// Blocks until now() >= `until` and returns true, or until `stop` is raised and returns false
  /// (also where the time had come as well). Several threads may wait at once, with one
  /// interruption or with several.
  virtual bool wait_until(time_point_ms until, const interruption& stop) = 0;
};

/// What the wall clock showed when this was first called, and the steady clock since: nothing
/// stands still, repeats or hurries where the machine's clock is set while a program runs. Wakes
/// within the scheduler's precision (tens of microseconds), never early. Lives for ever.
[[nodiscard]] clock& system_clock_source();

/// Time that stands still until a test moves it.
class manual_clock final : public clock {
 public:
  explicit manual_clock(time_point_ms start = time_point_ms{});
  ~manual_clock() override;  ///< REQUIRES: nobody waits.

  [[nodiscard]] time_point_ms now() const override;
  bool wait_until(time_point_ms until, const interruption& stop) override;

  /// Moves the time and wakes whom it concerns. It may be set back.
  void set(time_point_ms now);
  void advance(std::chrono::milliseconds by);

  /// Blocks until at least `count` threads wait for a time that has not come: how a test knows
  /// that everything due has been seen, without sleeping.
  void await_waiters(int count) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace millrace::detail
