// What a stream keeps by key from batch to batch, and what a batch does with it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "millrace/detail/base/clock.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "streaming/state/keyed_table.hpp"

namespace millrace::detail {

/// What an operation keeps besides the values: slides of a window, timers. One partition's.
class state_memory {
 public:
  virtual ~state_memory();
  /// Whether the key of this id is needed though it has no value.
  virtual bool needs(std::uint32_t id) const = 0;
  /// Ids have changed: ids[old] is the new one, or no_id where the key is forgotten.
  virtual void renumber(const std::vector<std::uint32_t>& ids) = 0;
};

/// One partition of one dataset of pairs that a batch reads.
struct keyed_rows {
  explicit keyed_rows(const row_type& value) : values(value) {}
  std::vector<std::uint32_t> keys;   // the ids that occur, each once, in order of arrival
  std::vector<std::uint32_t> group;  // of each row: the index of its key in `keys`
  row_buffer values;                 // of each row, in order
};

/// An attempt to bring one partition from a batch to the next.
struct state_work {
  keyed_table& table;
  state_memory* memory;
  task_context& task;
  std::int64_t number;  // of the batch, from 1
  time_point_ms time;
  std::vector<keyed_rows> inputs;
  staged_changes changes;
  row_buffer* emitted;  // null: the operation emits nothing but its table
};

/// Immutable; shared by all partitions and batches.
class state_operation {
 public:
  state_operation(std::string_view name, const row_type& key, const row_type& value)
      : name_(name), key_(&key), value_(&value) {}
  state_operation(const state_operation&) = delete;
  state_operation& operator=(const state_operation&) = delete;
  virtual ~state_operation();

  std::string_view name() const { return name_; }
  const row_type& key() const { return *key_; }
  const row_type& value() const { return *value_; }
  /// The rows that it emits where these are not the pairs of its table.
  virtual const row_type* emits() const { return nullptr; }
  virtual std::unique_ptr<state_memory> make_memory() const { return nullptr; }

  /// Calls the program's functions and stages what they give. May throw, and is called again for
  /// the same batch then: what it does to `memory` here must come out the same the second time.
  virtual void compute(state_work& work) const = 0;
  /// The changes hold: does what must be done once. Calls nothing of the program's.
  virtual void committed(state_work& work) const;

 private:
  std::string_view name_;
  const row_type* key_;
  const row_type* value_;
};

/// What a batch leaves of one partition: a version to be read, and rows that it emitted.
struct batch_result {
  version_ptr version;
  row_buffer_ptr emitted;
};

/// All partitions. Batches are applied to a partition one after another, each once.
class state_store {
 public:
  state_store(std::shared_ptr<const state_operation> operation, int partitions);

  const state_operation& operation() const { return *operation_; }
  int partitions() const { return static_cast<int>(cells_.size()); }

  /// Held while a partition goes from one batch to the next.
  std::mutex& applying(int partition) { return at(partition).applying; }
  /// Reads the inputs and applies the batch. REQUIRES: `applying` is held, and the batch before was
  /// applied. Throws what the program's functions throw; the state is what it was then. Without a
  /// version: the task was cancelled.
  batch_result apply(int partition, std::int64_t number, time_point_ms time,
                     const std::vector<node_ptr>& inputs, task_context& task);

 private:
  static constexpr std::size_t smallest_renewed = 1024;
  struct cell {
    std::mutex applying;
    version_ptr current;
    std::unique_ptr<state_memory> memory;
    std::size_t renew_from = smallest_renewed;
    std::vector<std::uint32_t> place;  // by id: 1 + where it is in keyed_rows::keys; else 0
  };
  cell& at(int partition) { return *cells_[static_cast<std::size_t>(partition)]; }
  static void read(cell& c, keyed_table& table, const node& input, int partition,
                   task_context& task, keyed_rows& to);
  void renew(cell& c) const;

  std::shared_ptr<const state_operation> operation_;
  std::vector<std::unique_ptr<cell>> cells_;
};

}  // namespace millrace::detail
