// What jobs leave for later ones: map outputs (and kept_blocks.hpp: kept partitions), each with the
// executor it lies on.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataset/shuffle.hpp"

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

}  // namespace millrace::detail
