// What a task gives to the datasets that it computes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string_view>

#include "millrace/detail/dataset/cursor.hpp"
#include "millrace/detail/dataset/node.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

class map_output;
using map_output_ptr = std::shared_ptr<const map_output>;

/// Thrown where a map output is not to be had: the engine computes it again, then this task.
class fetch_failure : public error {
 public:
  fetch_failure(std::int64_t shuffle, int map)
      : error("a map output was lost with its executor"), shuffle_(shuffle), map_(map) {}
  std::int64_t shuffle() const { return shuffle_; }
  int map() const { return map_; }

 private:
  std::int64_t shuffle_;
  int map_;
};

class memory_budget;
class spill_space;

/// What a task knows of memory and disk.
struct task_memory {
  /// What one operator may hold before it goes to disk.
  std::size_t share = SIZE_MAX;
  spill_space* disk = nullptr;      // null: nowhere to go
  memory_budget* budget = nullptr;  // null: what outlives the task is not counted
};

/// Thrown where a process that works for a task ended in the middle of it. That is no failure of
/// the program's: the task is run again, as one whose executor was lost.
class process_lost : public error {
 public:
  using error::error;
};

/// Leaves a function that works on part of a partition when its task is cancelled.
class task_cancelled : public error {
 public:
  task_cancelled() : error("the task was cancelled") {}
};

/// One attempt at one task. Single-threaded; `cancel` alone may be set by another thread.
class task_context {
 public:
  virtual ~task_context();

  /// A partition of a dataset: from its kept copy where there is one, else computed (and kept, if
  /// it is to be). A kept dataset that is read partly (take) is not kept by that.
  std::unique_ptr<cursor> open(const node& dataset, int partition);
  /// As blocks of text; null where the dataset has none or is kept as rows.
  std::unique_ptr<block_cursor> open_blocks(const node& dataset, int partition);
  /// What map partition `map` wrote for the shuffle. Throws fetch_failure.
  virtual map_output_ptr fetch(const shuffle& from, int map) = 0;

  const task_memory& memory() const { return memory_; }
  /// Tells that an operator wrote rows to disk because its share was used up.
  virtual void spilled(std::string_view operation, std::uint64_t rows, std::uint64_t bytes);

  int partition() const { return partition_; }
  int attempt() const { return attempt_; }
  bool cancelled() const { return cancel_->load(std::memory_order_relaxed); }

  /// The operation that is at work and the row that it works on (-1: unknown), for whoever watches
  /// the task: any thread may read it. The text is a literal; null before the first operation.
  struct activity {
    const char* operation = nullptr;
    std::int64_t row = -1;
  };
  activity doing() const {
    return {operation_at_work_.load(std::memory_order_relaxed),
            row_at_work_.load(std::memory_order_relaxed)};
  }
  void doing(activity now) const {
    operation_at_work_.store(now.operation, std::memory_order_relaxed);
    row_at_work_.store(now.row, std::memory_order_relaxed);
  }

  /// Where the exception that is passing came from; the first to say so is right.
  void failed_in(std::string_view operation, std::int64_t row) {
    if (!operation_.empty()) return;
    operation_ = operation;
    row_ = row;
  }
  std::string_view failed_operation() const { return operation_; }
  std::int64_t failed_row() const { return row_; }

 protected:
  task_context(int partition, int attempt, const std::atomic<bool>& cancel,
               const task_memory& memory = {})
      : partition_(partition), attempt_(attempt), cancel_(&cancel), memory_(memory) {}
  virtual std::unique_ptr<cursor> open_kept(const node& dataset, int partition) = 0;

 private:
  int partition_;
  int attempt_;
  const std::atomic<bool>* cancel_;
  task_memory memory_;
  std::string_view operation_;
  std::int64_t row_ = -1;
  mutable std::atomic<const char*> operation_at_work_{nullptr};
  mutable std::atomic<std::int64_t> row_at_work_{-1};
};

/// Says what the task is doing until destroyed.
class activity_scope {
 public:
  activity_scope(const task_context& task, std::string_view operation, std::int64_t row)
      : task_(task), before_(task.doing()) {
    task.doing({operation.data(), row});
  }
  ~activity_scope() { task_.doing(before_); }
  activity_scope(const activity_scope&) = delete;
  activity_scope& operator=(const activity_scope&) = delete;

 private:
  const task_context& task_;
  task_context::activity before_;
};

}  // namespace millrace::detail
