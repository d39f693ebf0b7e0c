// Where a kept dataset lies.
#pragma once

namespace millrace {

/// Spark's levels. `_2` keeps a second copy on another executor where there is one. `encoded` costs
/// time and saves memory. `rdd::cache` is `memory`.
enum class storage_level {
  none,
  disk,
  disk_2,
  memory,
  memory_2,
  memory_encoded,
  memory_encoded_2,
  memory_and_disk,
  memory_and_disk_2,
  memory_and_disk_encoded,
  memory_and_disk_encoded_2
};

}  // namespace millrace
