// Kept partitions: in memory up to their part of the budget, the rest on disk or not at all.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "dataset/row_frames.hpp"
#include "engine/stored.hpp"
#include "millrace/detail/base/events.hpp"
#include "storage/memory_budget.hpp"

namespace millrace::detail {

/// Kept partitions by dataset, each at its dataset's level. When memory runs out, the block that
/// was not used for longest goes: to disk where its level says so, else away, to be computed again
/// when it is asked for. Blocks of one dataset do not drive out each other, or a dataset that is
/// too large would lose each before it is read again. Any thread.
class kept_blocks {
 public:
  /// Null: no limit, no disk, nobody to tell. All outlive this.
  explicit kept_blocks(memory_budget* memory = nullptr, spill_space* disk = nullptr,
                       event_bus* events = nullptr)
      : memory_(memory), disk_(disk), events_(events) {}

  /// The kept partition; or computes it, and keeps it once it was read to its end.
  std::unique_ptr<cursor> open(const node& dataset, int partition, task_context& task,
                               executor_id where);
  bool has_all(const node& dataset) const;
  void forget(std::int64_t node) noexcept;
  void lose(executor_id where);
  void clear();

 private:
  class writer;
  class keeping_cursor;
  /// In one form or another; `held` counts what lies in memory.
  struct block {
    row_buffer_ptr rows;
    std::shared_ptr<const row_frames> encoded;
    held_memory held;
    executor_id where;
    storage_level level = storage_level::none;
    std::uint64_t used = 0;  // when, counted in uses
    bool moving = false;     // to disk, by another thread
  };
  using place = std::pair<std::int64_t, int>;  // node, partition

  void put(const node& dataset, int partition, block kept);
  /// Makes `held` so large, others going if they must; false: there is no room.
  bool make_room(held_memory& held, std::size_t bytes, std::int64_t dataset);
  bool evict_one(std::int64_t but_of);
  void tell(event::kind what, place where, std::uint64_t rows, std::size_t bytes);

  memory_budget* memory_;
  spill_space* disk_;
  event_bus* events_;
  mutable std::mutex mutex_;
  std::map<place, block> blocks_;
  std::uint64_t uses_ = 0;
};

}  // namespace millrace::detail
