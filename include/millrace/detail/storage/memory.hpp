// Large blocks of memory: tables, shuffles, kept rows.
#pragma once

#include <cstddef>
#include <memory>

namespace millrace::detail {

struct aligned_free {
  void operator()(void* block) const;
};
using aligned_memory = std::unique_ptr<void, aligned_free>;

/// At least `bytes`, uninitialised, aligned to 64 or more. Blocks of some MiB lie on huge pages
/// where the system has them, and up to `most_spare_memory` of those that were freed are kept for
/// the next batch. Any thread. Throws std::bad_alloc.
aligned_memory allocate_aligned(std::size_t bytes);

inline constexpr std::size_t most_spare_memory = std::size_t{512} << 20;
/// Keeps less of them from now on: `most_spare_memory` or this.
void limit_spare_memory(std::size_t bytes);

}  // namespace millrace::detail
