// Actions that run on a thread of their own.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "millrace/detail/dataset/node.hpp"

namespace millrace::detail {

/// A handle; copies share the action. It goes on when all handles are gone. Any thread.
class async_action {
 public:
  /// Begins at once, in the calling thread's job group. `run` returns the result. Throws
  /// usage_error once the context was stopped.
  async_action(const node_ptr& dataset, std::function<std::shared_ptr<void>()> run);

  /// Waits; throws what `run` threw.
  const void* result() const;
  void wait() const;
  bool wait_for(std::chrono::nanoseconds time) const;
  /// Ends its jobs; `result` throws then, unless it was there before.
  void cancel() const;

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace millrace::detail
