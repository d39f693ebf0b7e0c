// SIGINT and SIGTERM, for as long as a stream runs.
#pragma once

#include <functional>
#include <memory>

namespace millrace::program {

/// Takes over those of the two signals for which the program has no handler. The first that arrives
/// calls `on_signal`, on a thread of its own; the next one ends the process as if we had never been
/// there. One at a time in a process.
class termination_signals {
 public:
  explicit termination_signals(std::function<void()> on_signal);
  ~termination_signals() { restore(); }
  termination_signals(const termination_signals&) = delete;
  termination_signals& operator=(const termination_signals&) = delete;

  /// Gives the signals back. Idempotent; any thread, that of `on_signal` too.
  void restore() noexcept;

 private:
  struct watch;
  std::shared_ptr<watch> watch_;
};

}  // namespace millrace::program
