// What jobs leave for later ones: map outputs and kept partitions, each with the executor it lies
// on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataset/shuffle.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"

namespace millrace::detail {

/// One incarnation of an executor.
struct executor_id {
  int slot = 0;
  std::uint64_t epoch = 0;
  bool operator==(const executor_id&) const = default;
};

/// Map outputs by shuffle. Any thread.
class map_outputs {
 public:
  /// Throws fetch_failure.
  map_output_ptr fetch(const shuffle& from, int map) const;
  void put(const shuffle& from, int map, map_output_ptr output, executor_id where);
  /// The map partitions that are not there.
  std::vector<int> missing(const shuffle& from) const;
  /// Only one job at a time computes a shuffle; the others wait and find it done.
  std::shared_ptr<std::mutex> building(const shuffle& from);
  void forget(std::int64_t shuffle) noexcept;
  void lose(executor_id where);

 private:
  struct placed_output {
    map_output_ptr output;
    executor_id where;
  };
  struct shuffle_outputs {
    std::vector<placed_output> by_map;
    std::shared_ptr<std::mutex> building;
  };
  mutable std::mutex mutex_;
  std::unordered_map<std::int64_t, shuffle_outputs> shuffles_;
};

/// Kept partitions by dataset. Any thread.
class kept_blocks {
 public:
  /// The kept partition; or computes it, and keeps it once it was read to its end.
  std::unique_ptr<cursor> open(const node& dataset, int partition, task_context& task,
                               executor_id where);
  bool has_all(const node& dataset) const;
  void forget(std::int64_t node) noexcept;
  void lose(executor_id where);
  void put(const node& dataset, int partition, row_buffer_ptr rows, executor_id where);

 private:
  struct placed_block {
    row_buffer_ptr rows;
    executor_id where;
  };
  mutable std::mutex mutex_;
  std::map<std::pair<std::int64_t, int>, placed_block> blocks_;
};

}  // namespace millrace::detail
