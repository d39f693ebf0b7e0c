// What lies in tables and shuffle blocks: a key with its hash and a value, or a whole row.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataset/kernels.hpp"
#include "dataset/row_frames.hpp"
#include "dataset/row_pieces.hpp"
#include "millrace/detail/dataset/arena.hpp"
#include "millrace/detail/dataset/partitioner.hpp"
#include "millrace/detail/dataset/row_type.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "storage/memory_budget.hpp"

namespace millrace::detail {

/// Where the parts of an entry lie: `entry_head` (16 inline bytes, hash, length) for text and bits,
/// or hash and the key as a row for all other keys; then the value.
class entry_layout {
 public:
  /// `value` may be null: keys alone.
  entry_layout(const row_type* key, const row_type* value);

  const row_type* key() const { return key_; }
  const row_type* value() const { return value_; }
  key_form form() const { return form_; }
  std::uint32_t stride() const { return stride_; }
  std::uint32_t value_at() const { return value_at_; }
  std::uint32_t key_at() const { return key_at_; }
  bool trivial() const { return trivial_; }

  /// How keys are read from rows in which they lie at `key_in_row`.
  key_source source(std::uint32_t key_in_row) const;
  std::uint32_t hash(const char* entry) const;
  /// The partition hashes of keys that lie at `key_in_row` in rows.
  void hash_keys(const char* rows, std::uint32_t key_in_row, std::uint32_t row_stride,
                 std::uint32_t n, std::uint32_t* hashes) const;
  /// Constructs the key as a row at `to`; its text stays in the entry or its arena.
  void make_key(const char* entry, void* to) const;
  /// Moves an entry to fresh memory and ends the old one.
  void relocate(char* to, char* from, std::size_t n) const;
  /// What entries hold beside themselves and the table's arena.
  std::size_t heap(const char* entries, std::size_t n) const;
  /// Ends keys and values; `values`: the first so many have one.
  void destroy(char* entries, std::size_t keys, std::size_t values) const;

 private:
  void set_form();

  const row_type* key_;
  const row_type* value_;
  key_form form_ = key_form::general;
  std::vector<key_segment> segments_;  // relative to the key
  std::uint32_t key_size_ = 0;         // bits and packed
  std::uint32_t key_at_ = 0;
  std::uint32_t value_at_ = 0;
  std::uint32_t stride_ = 0;
  bool trivial_ = true;
};

/// What one map task hands to all reducers: by partition, entries or whole rows side by side.
/// What did not fit in memory comes before, in runs on disk: entries as rows, (key, value) or key.
/// Immutable once written.
class map_output {
 public:
  /// A partition each.
  using spilled_run = std::vector<row_frames>;

  /// Entries in order of their partition; partition p begins at starts[p].
  map_output(entry_layout layout, aligned_memory entries, std::vector<std::size_t> starts,
             arena texts, bool unique_keys);
  /// Whole rows, by partition.
  explicit map_output(std::vector<row_pieces> rows) : rows_(std::move(rows)) {}
  /// On disk alone.
  explicit map_output(std::vector<spilled_run> runs) : spilled_(std::move(runs)) {}
  map_output(const map_output&) = delete;
  map_output& operator=(const map_output&) = delete;
  ~map_output();

  /// The entries of a partition that are in memory.
  const char* begin(int partition) const {
    return runs_.empty() ? nullptr : runs_[static_cast<std::size_t>(partition)].first;
  }
  std::size_t count(int partition) const {
    return runs_.empty() ? 0 : runs_[static_cast<std::size_t>(partition)].count;
  }
  /// The rows of a partition that are in memory; null: none of this output are.
  const row_pieces* rows(int partition) const {
    return rows_.empty() ? nullptr : &rows_[static_cast<std::size_t>(partition)];
  }
  const std::vector<spilled_run>& spilled() const { return spilled_; }
  /// Neither entries in memory nor anything on disk.
  bool empty(int partition) const;

  /// Memory, all partitions.
  std::size_t bytes() const;
  void spilled(std::vector<spilled_run> runs) { spilled_ = std::move(runs); }
  void held(held_memory memory) { held_ = std::move(memory); }
  /// No key twice in a partition.
  bool unique_keys() const { return unique_keys_; }

 private:
  struct run {
    const char* first;
    std::size_t count;
  };
  std::vector<run> runs_;
  bool unique_keys_ = false;
  std::unique_ptr<entry_layout> layout_;
  aligned_memory entries_;
  std::size_t entry_count_ = 0;
  arena texts_;
  std::vector<row_pieces> rows_;
  std::vector<spilled_run> spilled_;
  held_memory held_;
};

/// Deals out `count` entries (which end there) to the partitions of their keys, keeping their
/// order.
std::shared_ptr<map_output> scatter(const entry_layout& layout, aligned_memory entries,
                                    std::size_t count, arena texts, const partitioner& by,
                                    bool unique_keys);

}  // namespace millrace::detail
