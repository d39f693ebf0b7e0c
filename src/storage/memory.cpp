#include "millrace/detail/storage/memory.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace millrace::detail {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;
// Below about this, malloc is good enough.
constexpr std::size_t large = 2 * huge_page;
constexpr std::size_t about = 4096;

/// Freed large blocks. One batch is like the one before: without this each would ask the system for
/// the same memory again, which zeroes it (a quarter of the time of a join of 5 M rows).
class spare_blocks {
 public:
  /// One of the size or at most twice as large; null where there is none.
  void* take(std::size_t size) {
    const std::lock_guard lock(mutex_);
    auto best = blocks_.end();
    for (auto b = blocks_.begin(); b != blocks_.end(); ++b)
      if (b->size >= size && b->size / 2 <= size && (best == blocks_.end() || b->size < best->size))
        best = b;
    if (best == blocks_.end()) return nullptr;
    void* memory = best->memory;
    held_ -= best->size;
    blocks_.erase(best);
    return memory;
  }

  /// Keeps it, letting the oldest go; false where it is too large to keep.
  bool keep(void* memory, std::size_t size) {
    const std::lock_guard lock(mutex_);
    if (size > most_ / 2) return false;
    shrink(most_ - size);
    blocks_.push_back({memory, size});
    held_ += size;
    return true;
  }

  void limit(std::size_t most) {
    const std::lock_guard lock(mutex_);
    most_ = std::min(most, most_spare_memory);
    shrink(most_);
  }

 private:
  struct block {
    void* memory;
    std::size_t size;
  };
  void shrink(std::size_t to) {
    while (held_ > to) {
      std::free(blocks_.front().memory);
      held_ -= blocks_.front().size;
      blocks_.erase(blocks_.begin());
    }
  }
  std::mutex mutex_;
  std::vector<block> blocks_;  // oldest first; a few dozen at most
  std::size_t held_ = 0;
  std::size_t most_ = most_spare_memory;
};

spare_blocks& spare() {
  static auto& all = *new spare_blocks;  // never destroyed: datasets may outlive main's statics
  return all;
}

}  // namespace

void aligned_free::operator()(void* block) const {
  if (block == nullptr) return;
  const std::size_t size = malloc_usable_size(block) / huge_page * huge_page;
  if (size >= large && spare().keep(block, size)) return;
  std::free(block);
}

aligned_memory allocate_aligned(std::size_t bytes) {
  if (bytes + about < large) {
    const std::size_t rounded = std::max<std::size_t>((bytes + 63) / 64 * 64, 64);
    void* memory = std::aligned_alloc(64, rounded);
    if (memory == nullptr) throw std::bad_alloc();
    return aligned_memory(memory);
  }
  const std::size_t rounded = (bytes + huge_page - 1) / huge_page * huge_page;
  if (void* memory = spare().take(rounded)) return aligned_memory(memory);
  void* memory = std::aligned_alloc(huge_page, rounded);
  if (memory == nullptr) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  // Only advice: without huge pages the memory is as good, if slower to probe.
  static_cast<void>(madvise(memory, rounded, MADV_HUGEPAGE));
#endif
  return aligned_memory(memory);
}

void limit_spare_memory(std::size_t bytes) { spare().limit(bytes); }

}  // namespace millrace::detail
