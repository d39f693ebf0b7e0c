// What a stream keeps by key from batch to batch, and what a batch does with it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/detail/base/clock.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "streaming/state/keyed_table.hpp"

namespace millrace::detail {

/// What came in with a slide of a window: keys by id, each once, and what their rows were reduced
/// to.
struct window_unit {
  std::int64_t number;
  std::vector<std::uint32_t> keys;
  std::shared_ptr<const row_buffer> values;
};
/// The oldest first. What is in a list stays as it is.
using unit_list = std::vector<std::shared_ptr<const window_unit>>;

/// What an operation keeps besides the values: slides of a window, timers. One partition's.
class state_memory {
 public:
  virtual ~state_memory();
  /// Whether the key of this id is needed though it has no value.
  virtual bool needs(std::uint32_t id) const = 0;
  /// Ids have changed: ids[old] is the new one, or no_id where the key is forgotten. Where it
  /// throws, nothing has changed.
  virtual void renumber(const std::vector<std::uint32_t>& ids) = 0;

  // ---- for checkpoints
  /// From the first batch on, each says which units are in the window (`state_work::units`).
  virtual void track() {}
  /// Those that are in it now; null: it is no window.
  virtual std::shared_ptr<const unit_list> units() const { return nullptr; }
  /// Begins from the table as the batch of that number left it, and those units.
  virtual void restore(keyed_table& table, std::int64_t number, unit_list units) = 0;
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
  std::shared_ptr<const unit_list> units = nullptr;  // that are in the window after this batch
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
  /// Whether the table remembers the last batch that touched a key.
  virtual bool stamped() const { return false; }
  /// Of windows: what must not change between what is written and what is read, in words, and how
  /// many units a batch brings.
  virtual std::string shape(std::chrono::milliseconds) const { return {}; }
  virtual std::int64_t units_a_batch() const { return 1; }

  /// Calls the program's functions and stages what they give, and makes room for `committed`. May
  /// throw, and is called again for the same batch then: what it does to `memory` here must come
  /// out the same the second time.
  virtual void compute(state_work& work) const = 0;
  /// The changes hold: does what must be done once.
  virtual void committed(state_work& work) const noexcept;

 private:
  std::string_view name_;
  const row_type* key_;
  const row_type* value_;
};

/// What a batch leaves of one partition: a version to be read, and rows that it emitted.
struct batch_result {
  version_ptr version;
  row_buffer_ptr emitted;
  std::shared_ptr<const unit_list> units;  // of a window; null where nobody tracks
  std::size_t renew_from = 0;
};

/// One partition of what is kept.
struct state_partition {
  version_ptr current;
  std::unique_ptr<state_memory> memory;  // may be null
  std::size_t renew_from = 0;            // ids
};

/// All partitions. Batches are applied to a partition one after another, each once.
class state_store {
 public:
  state_store(std::shared_ptr<const state_operation> operation, int partitions, cells_maker cells);

  const state_operation& operation() const { return *operation_; }
  int partitions() const { return static_cast<int>(cells_.size()); }

  /// Held while a partition goes from one batch to the next.
  std::mutex& applying(int partition) { return at(partition).applying; }
  /// Reads the inputs and applies the batch. REQUIRES: `applying` is held, and the batch before was
  /// applied. Throws what the program's functions throw; the state is what it was then. Without a
  /// version: the task was cancelled.
  batch_result apply(int partition, std::int64_t number, time_point_ms time,
                     const std::vector<node_ptr>& inputs, task_context& task);

  // ---- for checkpoints
  /// Before the first batch.
  void track();
  /// Nobody asks any more for what batches up to this one touched.
  void written(std::int64_t number) { written_.store(number, std::memory_order_relaxed); }
  /// As before any batch.
  state_partition make_partition() const;
  /// Puts a partition in place. REQUIRES: no batch was applied yet.
  void restore(int partition, state_partition from);
  /// What the last batch left.
  batch_result current(int partition);

 private:
  static constexpr std::size_t smallest_renewed = 1024;
  struct cell : state_partition {
    std::mutex applying;
    std::vector<std::uint32_t> place;  // by id: 1 + where it is in keyed_rows::keys; else 0
    std::int64_t written = INT64_MIN;  // as it was when the table forgot what it touched before
  };
  cell& at(int partition) { return *cells_[static_cast<std::size_t>(partition)]; }
  static void read(cell& c, keyed_table& table, const node& input, int partition,
                   task_context& task, keyed_rows& to);
  static void track(state_partition& one);
  void renew(cell& c, std::int64_t number) const;

  std::shared_ptr<const state_operation> operation_;
  cells_maker make_cells_;
  std::vector<std::unique_ptr<cell>> cells_;
  bool tracked_ = false;
  std::atomic<std::int64_t> written_{INT64_MIN};
};

}  // namespace millrace::detail
