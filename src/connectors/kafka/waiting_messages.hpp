// Messages that wait for their batch's commit, in memory and, past their share of it, on disk.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/detail/kafka/messages.hpp"
#include "storage/memory_budget.hpp"
#include "storage/spill_space.hpp"

namespace millrace::detail::kafka {

/// Those of one partition, in order. What is in memory is counted with map outputs against the
/// memory budget; where that has no room, it goes to disk. One thread at a time.
class waiting_messages {
 public:
  explicit waiting_messages(const task_memory& memory);

  /// Takes the messages over, and leaves `some` empty.
  void add(staged_messages& some);

  std::size_t count() const { return count_; }
  std::size_t bytes() const { return bytes_; }
  /// Whether some of them are on disk.
  bool on_disk() const { return !on_disk_.empty(); }
  /// Gives them in order, until `send` is false. `stays`: their memory does as long as this object.
  void each(const std::function<bool(const staged_messages& some, bool stays)>& send) const;

 private:
  spill_space* disk_;
  held_memory held_;
  bool counted_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::size_t in_memory_ = 0;
  std::vector<spill_space::piece> on_disk_;  // before those in memory
  std::vector<staged_messages> rest_;
};

}  // namespace millrace::detail::kafka
