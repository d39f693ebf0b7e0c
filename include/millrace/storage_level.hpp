// Where a kept dataset lies.
#pragma once

namespace millrace {

/// Spark's levels; `rdd::cache` is `memory`. `memory`: as long as there is room (`memory.budget`);
/// what was not used for longest goes, and is computed again when it is asked for. `disk`: in files
/// under `local.dir` which end with the program. `memory_and_disk`: what would go from memory goes
/// to disk. `_encoded`: as bytes, smaller than plain rows and slower to read. `_2` asks for a
/// second copy elsewhere; on one machine there is no elsewhere, and one is kept.
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
