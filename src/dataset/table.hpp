// The aggregation table: entries in order of arrival, found through an index of 32-bit numbers.
#pragma once

#include <cstdint>
#include <utility>

#include "dataset/entry.hpp"
#include "millrace/detail/dataset/aggregator.hpp"

namespace millrace::detail {

/// One task's table. Entries are dense and in order of arrival, so results have an order that only
/// the input decides. Grows by doubling; never shrinks. One thread.
class aggregation_table {
 public:
  explicit aggregation_table(entry_layout layout);
  aggregation_table(const aggregation_table&) = delete;
  aggregation_table& operator=(const aggregation_table&) = delete;
  ~aggregation_table();

  const entry_layout& layout() const { return layout_; }
  std::uint32_t size() const { return core_.used; }
  char* entries() { return core_.entries; }
  const char* entries() const { return core_.entries; }

  /// The slot of each row's key, tagged where it is new. At most chunk_capacity rows.
  void find(const key_source& key, const char* rows, std::uint32_t stride, std::uint32_t n,
            void** slots);
  /// The slot of each row's key; null where it is not in the table, which stays as it is.
  void look_up(const key_source& key, const char* rows, std::uint32_t stride, std::uint32_t n,
               void** slots);
  /// As `find`, for keys of entries of this layout.
  void merge(const char* entries, std::uint32_t n, void** slots);
  /// Finds and adds.
  void sum(known_sum kind, const key_source& key, const char* rows, std::uint32_t stride,
           std::uint32_t value_in_row, std::uint32_t n);
  /// Adds the rows' keys at the end, equal or not; after this, nothing can be found any more.
  void append(const key_source& key, const char* rows, std::uint32_t stride, std::uint32_t n,
              void** slots);
  void reserve(std::uint32_t more);
  /// What it will hold, in bytes, after so many new keys.
  std::size_t bytes_with(std::uint32_t more) const;
  /// How many keys fit in `bytes` at most.
  std::uint32_t fitting(std::size_t bytes) const;
  /// Forgets all entries; keeps most of the memory.
  void clear();

  /// Runs the user's loop on slots that `find`, `merge` or `append` gave; `values` are of `type`.
  void fold(fold_loop loop, const void* function, void* const* slots, const row_type* type,
            const char* values, std::uint32_t stride, std::uint32_t n);

  /// Gives entries and texts away; the table is empty then and not to be used again.
  std::pair<aligned_memory, arena> release();

 private:
  void grow_entries(std::size_t at_least);
  void rebuild_index(std::uint64_t capacity);
  void relieve();
  std::uint32_t position_of(const char* entry) const;
  enum class missing { add, append, leave };  // append: without looking for an equal one
  void find_general(const char* keys, std::uint32_t stride, std::uint32_t n, missing then,
                    const std::uint32_t* hashes, std::uint32_t hash_stride, void** slots);

  entry_layout layout_;
  table_core core_{};
  aligned_memory entries_;
  std::size_t entry_capacity_ = 0;
  aligned_memory index_;
  arena texts_;
  std::uint32_t made_ = 0;  // values constructed, in order of entries
  // What keys and values hold elsewhere: what was added, until enough was to look at all anew.
  std::size_t heap_ = 0;
  std::uint32_t folded_ = 0;
};

}  // namespace millrace::detail
