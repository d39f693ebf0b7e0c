#include "dataset/table.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>

#include "dataset/heap_bytes.hpp"
#include "millrace/detail/dataset/cursor.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {
constexpr std::uint32_t smallest_index = 256;
}

aggregation_table::aggregation_table(entry_layout layout) : layout_(std::move(layout)) {
  core_.stride = layout_.stride();
  core_.value_at = layout_.value_at();
  core_.texts = &texts_;
}

aggregation_table::~aggregation_table() {
  if (core_.entries != nullptr) layout_.destroy(core_.entries, core_.used, made_);
}

void aggregation_table::grow_entries(std::size_t at_least) {
  const std::size_t capacity = std::max(at_least, entry_capacity_ * 2);
  aligned_memory bigger = allocate_aligned(capacity * core_.stride);
  if (core_.used != 0)
    layout_.relocate(static_cast<char*>(bigger.get()), core_.entries, core_.used);
  entries_ = std::move(bigger);
  core_.entries = static_cast<char*>(entries_.get());
  entry_capacity_ = capacity;
}

std::uint32_t aggregation_table::position_of(const char* entry) const {
  return layout_.form() == key_form::general ? layout_.hash(entry)
                                             : kernels().position(&core_, entry);
}

void aggregation_table::rebuild_index(std::uint64_t capacity) {
  index_ = nullptr;  // first, so that its memory can serve again
  index_ = allocate_aligned(capacity * sizeof(std::uint32_t));
  std::memset(index_.get(), 0, capacity * sizeof(std::uint32_t));
  core_.index = static_cast<std::uint32_t*>(index_.get());
  core_.mask = static_cast<std::uint32_t>(capacity - 1);
  for (std::uint32_t e = 0; e < core_.used; ++e) {
    const std::uint32_t position = position_of(core_.entries + std::size_t{e} * core_.stride);
    std::uint32_t i = position & core_.mask;
    while (core_.index[i] != 0) i = (i + 1) & core_.mask;
    core_.index[i] = index_word(&core_, e + 1, position);
  }
}

void aggregation_table::reserve(std::uint32_t more) {
  const std::uint64_t wanted = std::uint64_t{core_.used} + more;
  if (wanted > std::numeric_limits<std::uint32_t>::max() / 2)
    throw error("too many different keys for one partition, use more partitions: " +
                std::to_string(wanted));
  if (wanted > entry_capacity_) grow_entries(wanted);
  std::uint64_t capacity = index_ == nullptr ? smallest_index : std::uint64_t{core_.mask} + 1;
  while (capacity < wanted * 2) capacity *= 2;
  if (index_ == nullptr || capacity != std::uint64_t{core_.mask} + 1) rebuild_index(capacity);
}

std::size_t aggregation_table::bytes_with(std::uint32_t more) const {
  const std::uint64_t wanted = std::uint64_t{core_.used} + more;
  const std::uint64_t entries = wanted > entry_capacity_
                                    ? std::max<std::uint64_t>(wanted, entry_capacity_ * 2)
                                    : entry_capacity_;
  std::uint64_t index = index_ == nullptr ? smallest_index : std::uint64_t{core_.mask} + 1;
  while (index < wanted * 2) index *= 2;
  return entries * core_.stride + index * sizeof(std::uint32_t) + texts_.bytes() + heap_;
}

std::uint32_t aggregation_table::fitting(std::size_t bytes) const {
  // An index has two to four places a key.
  const std::size_t n = bytes / (core_.stride + 4 * sizeof(std::uint32_t));
  return static_cast<std::uint32_t>(
      std::clamp<std::size_t>(n, smallest_index, std::numeric_limits<std::uint32_t>::max() / 4));
}

void aggregation_table::clear() {
  if (core_.entries != nullptr) layout_.destroy(core_.entries, core_.used, made_);
  core_.used = made_ = folded_ = 0;
  heap_ = 0;
  texts_.clear();
  if (index_ != nullptr) rebuild_index(std::uint64_t{core_.mask} + 1);
}

void aggregation_table::relieve() {
  if (core_.crowded == 0) return;
  core_.crowded = 0;
  // Keys that share a hash by bad luck or by design: from now on slots follow a secret hash. What
  // is visible (order, partitions) does not depend on slots.
  std::random_device entropy;
  core_.seed = (std::uint64_t{entropy()} << 32 | entropy()) | 1;
  rebuild_index(std::uint64_t{core_.mask} + 1);
}

void aggregation_table::find(const key_source& key, const char* rows, std::uint32_t stride,
                             std::uint32_t n, void** slots) {
  reserve(n);
  if (layout_.form() == key_form::general) {
    find_general(rows + key.at, stride, n, missing::add, nullptr, 0, slots);
  } else {
    kernels().find(&core_, &key, rows, stride, n, slots);
    relieve();
  }
  if (layout_.value() == nullptr) made_ = core_.used;
}

void aggregation_table::look_up(const key_source& key, const char* rows, std::uint32_t stride,
                                std::uint32_t n, void** slots) {
  if (index_ == nullptr) std::fill_n(slots, n, nullptr);
  else if (layout_.form() == key_form::general)
    find_general(rows + key.at, stride, n, missing::leave, nullptr, 0, slots);
  else kernels().look_up(&core_, &key, rows, stride, n, slots);
}

void aggregation_table::merge(const char* entries, std::uint32_t n, void** slots) {
  reserve(n);
  if (layout_.form() == key_form::general) {
    find_general(entries + layout_.key_at(), core_.stride, n, missing::add,
                 reinterpret_cast<const std::uint32_t*>(entries), core_.stride, slots);
  } else {
    kernels().merge(&core_, entries, n, slots);
    relieve();
  }
  if (layout_.value() == nullptr) made_ = core_.used;
}

void aggregation_table::sum(known_sum kind, const key_source& key, const char* rows,
                            std::uint32_t stride, std::uint32_t value_in_row, std::uint32_t n) {
  reserve(n);
  const auto& k = kernels();
  const auto run = kind == known_sum::int32   ? k.sum_int32
                   : kind == known_sum::int64 ? k.sum_int64
                                              : k.sum_double;
  run(&core_, &key, rows, stride, value_in_row, n);
  relieve();
  made_ = core_.used;
}

void aggregation_table::append(const key_source& key, const char* rows, std::uint32_t stride,
                               std::uint32_t n, void** slots) {
  const std::size_t wanted = std::size_t{core_.used} + n;
  if (wanted > std::numeric_limits<std::uint32_t>::max() / 2)
    throw error("too many rows for one partition of a shuffle, use more partitions: " +
                std::to_string(wanted));
  if (wanted > entry_capacity_) grow_entries(wanted);
  if (layout_.form() == key_form::general)
    find_general(rows + key.at, stride, n, missing::append, nullptr, 0, slots);
  else kernels().append(&core_, &key, rows, stride, n, slots);
  if (layout_.value() == nullptr) made_ = core_.used;
}

void aggregation_table::find_general(const char* keys, std::uint32_t stride, std::uint32_t n,
                                     missing then, const std::uint32_t* hashes,
                                     std::uint32_t hash_stride, void** slots) {
  const row_type& type = *layout_.key();
  for (std::uint32_t r = 0; r < n; ++r) {
    const char* key = keys + std::size_t{r} * stride;
    const std::uint32_t hash =
        hashes != nullptr
            ? *reinterpret_cast<const std::uint32_t*>(reinterpret_cast<const char*>(hashes) +
                                                      std::size_t{r} * hash_stride)
            : static_cast<std::uint32_t>(hash_row(type, key) >> 16);
    char* found = nullptr;
    std::uint32_t i = 0;
    if (then != missing::append) {
      for (i = hash & core_.mask; core_.index[i] != 0; i = (i + 1) & core_.mask) {
        if (!index_matches(&core_, core_.index[i], hash)) continue;
        char* e = core_.entries + std::size_t{(core_.index[i] & core_.mask) - 1} * core_.stride;
        if (layout_.hash(e) == hash && equal_rows(type, e + layout_.key_at(), key)) {
          found = e;
          break;
        }
      }
    }
    if (found != nullptr) {
      slots[r] = found + core_.value_at;
      continue;
    }
    if (then == missing::leave) {
      slots[r] = nullptr;
      continue;
    }
    char* e = core_.entries + std::size_t{core_.used} * core_.stride;
    std::memcpy(e, &hash, sizeof hash);
    copy_rows(type, e + layout_.key_at(), key, 1);
    try {
      own_row(type, e + layout_.key_at(), texts_);
    } catch (...) {
      destroy_rows(type, e + layout_.key_at(), 1);
      throw;
    }
    ++core_.used;
    if (then == missing::add) core_.index[i] = index_word(&core_, core_.used, hash);
    slots[r] = e + core_.value_at + fresh_slot;
  }
}

void aggregation_table::fold(fold_loop loop, const void* function, void* const* slots,
                             const row_type* type, const char* values, std::uint32_t stride,
                             std::uint32_t n) {
  if (loop != nullptr) loop(function, {slots, values, stride, n, &texts_, &made_});
  if (layout_.trivial()) return;
  if (type != nullptr) heap_ += heap_bytes(*type, values, n, stride);
  folded_ += n;
  if (folded_ < std::max<std::uint32_t>(core_.used, 4 * chunk_rows)) return;
  folded_ = 0;
  heap_ = layout_.heap(core_.entries, core_.used);
}

std::pair<aligned_memory, arena> aggregation_table::release() {
  core_ = {};
  made_ = 0;
  index_ = nullptr;
  return {std::move(entries_), std::move(texts_)};
}

}  // namespace millrace::detail
