// The port to whatever runs tasks: this process, other processes, Ray's.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace millrace::detail {

class task_set;

/// One attempt at one task, addressed to one incarnation of an executor.
struct task_order {
  std::shared_ptr<task_set> set;
  int index = 0;    // in the set
  int attempt = 0;  // from 0
  int slot = 0;
  std::uint64_t epoch = 0;

  /// Runs the task on the calling thread and reports to the set. Never throws.
  void run() const;
};

/// Executors have slots 0 … n-1; each new process in a slot has a higher epoch. What an older one
/// still says is not believed (it is fenced), so an executor that was only slow can do no harm.
class executor_port {
 public:
  struct event {
    enum class kind { joined, lost, stop } what;
    int slot = 0;
    std::uint64_t epoch = 0;
    std::string why;
  };

  virtual ~executor_port();

  /// Asks for executors in slots 0 … n-1; each answers with `joined`. Asynchronous.
  virtual void want(int slots) = 0;
  /// Fences that incarnation and starts another, which will join with a higher epoch.
  virtual void replace(int slot, std::uint64_t epoch) = 0;
  /// The next event, waiting up to `timeout`. Called by one thread at a time, at least every 100 ms
  /// while jobs run.
  virtual std::optional<event> poll(std::chrono::milliseconds timeout) = 0;

  /// Hands orders of one set to their executors, in order. An executor that is gone drops them and
  /// says `lost`. `alone`: the calling thread will lend itself at once and should not be helped.
  virtual void send(std::span<const task_order> orders, bool alone) = 0;
  /// Runs orders of this set that nobody has begun on the calling thread, if they may run there.
  virtual void lend(const task_set& set) = 0;
  /// Ends all executors; waits for those that are threads of this process. No orders run after it.
  virtual void stop() = 0;
};

/// One executor in this process, tasks called directly: `threads` run at once, the lending one
/// included.
std::unique_ptr<executor_port> embedded_executor(int threads);

}  // namespace millrace::detail
