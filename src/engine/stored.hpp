// What jobs leave for later ones: map outputs (and kept_blocks.hpp: kept partitions), each with the
// executor it lies on.
#pragma once

#include <condition_variable>
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
  struct building_place {
    std::mutex mutex;
    std::condition_variable left;
    bool taken = false;
  };
  std::shared_ptr<building_place> building(const shuffle& from);
  void forget(std::int64_t shuffle) noexcept;
  void lose(executor_id where);
  void clear();

 private:
  struct placed_output {
    map_output_ptr output;
    executor_id where;
  };
  struct shuffle_outputs {
    std::vector<placed_output> by_map;
    std::shared_ptr<building_place> building;
  };
  mutable std::mutex mutex_;
  std::unordered_map<std::int64_t, shuffle_outputs> shuffles_;
};

/// Has the place until destroyed, which is when others may go on; the lock is not held meanwhile.
class building_turn {
 public:
  building_turn(map_outputs::building_place& place, std::unique_lock<std::mutex>& lock)
      : place_(place) {
    place_.taken = true;
    lock.unlock();
  }
  ~building_turn() {
    const std::lock_guard lock(place_.mutex);
    place_.taken = false;
    place_.left.notify_all();
  }
  building_turn(const building_turn&) = delete;
  building_turn& operator=(const building_turn&) = delete;

 private:
  map_outputs::building_place& place_;
};

}  // namespace millrace::detail
