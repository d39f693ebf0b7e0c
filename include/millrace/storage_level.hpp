// Where a kept dataset lies.
#pragma once

namespace millrace {

/// Spark's levels; `rdd::cache` is `memory`. In this version all levels with memory keep plain rows
/// in memory, one copy, and those without are refused.
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
