// The values that a stream keeps by key, one partition of them, and how earlier versions are read.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "dataset/table.hpp"
#include "millrace/detail/dataset/cursor.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"

namespace millrace::detail {

class keyed_table;

inline constexpr std::uint32_t no_id = UINT32_MAX;

/// What a batch changes: each key once. Made beside the table, which a failed attempt leaves as it
/// was; the seam where a checkpoint can take the difference between two versions.
struct staged_changes {
  explicit staged_changes(const row_type& value) : values(value) {}
  std::vector<std::uint32_t> ids;
  std::vector<std::uint8_t> alive;  // 0: the key goes
  row_buffer values;                // of those that stay, in order
};

/// The table as one batch left it. Whoever holds it can read it as long as it likes, whatever later
/// batches do: they leave behind what they replaced.
struct table_version {
  explicit table_version(std::shared_ptr<keyed_table> of);
  ~table_version();
  table_version(const table_version&) = delete;
  table_version& operator=(const table_version&) = delete;

  std::shared_ptr<keyed_table> table;
  std::uint32_t ids;  // that there were
  // Set by the next batch, under the table's mutex; the first two only where somebody else than
  // the table's owner holds this version then.
  std::vector<std::uint32_t> replaced;
  std::vector<const void*> before;  // of each that was replaced: its value in `values`, or null
  row_buffer values;
  std::shared_ptr<table_version> next;
};
using version_ptr = std::shared_ptr<table_version>;

/// Keys are numbered in order of arrival; a number stays until the table is made anew without the
/// keys that are gone. One writer; readers read in between, through `read_version`. A key costs
/// 24 bytes for itself (up to 16 bytes of text inline), about 12 for the index, and its value.
class keyed_table {
 public:
  keyed_table(const row_type& key, const row_type& value);
  keyed_table(const keyed_table&) = delete;
  keyed_table& operator=(const keyed_table&) = delete;
  ~keyed_table();

  const row_type& key() const { return *keys_.layout().key(); }
  const row_type& value_type() const { return *value_; }

  // ---- the writer
  /// The ids of the keys of at most chunk_capacity rows; new ones have no value yet.
  void find(std::uint32_t key_in_row, const char* rows, std::uint32_t stride, std::uint32_t n,
            std::uint32_t* ids);
  std::uint32_t ids() const { return keys_.size(); }
  /// Keys with a value.
  std::uint32_t alive() const { return alive_count_; }
  bool has(std::uint32_t id) const { return id < alive_.size() && alive_[id] != 0; }
  /// Null where the key has none. Valid until the next `commit`.
  const void* value(std::uint32_t id) const {
    return has(id) ? static_cast<const char*>(values_.get()) + std::size_t{id} * value_->size
                   : nullptr;
  }
  /// Constructs the key at `to`; what it views lies in the table, until the next `find`.
  void make_key(std::uint32_t id, void* to) const {
    keys_.layout().make_key(keys_.entries() + std::size_t{id} * keys_.layout().stride(), to);
  }
  /// Takes the changes over; `now` is the version that was current, the new one is returned.
  version_ptr commit(staged_changes& changes, const version_ptr& now);
  /// Copies the keys of `from` for which `keep` has a 1, in order, with their values. `ids[old]` is
  /// the new id, or no_id.
  void copy(const keyed_table& from, const std::vector<std::uint8_t>& keep,
            std::vector<std::uint32_t>& ids);

 private:
  friend class version_cursor;
  void reserve_values();
  void* slot(std::uint32_t id) {
    return static_cast<char*>(values_.get()) + std::size_t{id} * value_->size;
  }

  const row_type* value_;
  std::mutex mutex_;  // between the writer's changes and readers; the writer itself reads without
  mutable aggregation_table keys_;
  aligned_memory values_;
  std::size_t capacity_ = 0;
  std::vector<std::uint8_t> alive_;
  std::uint32_t alive_count_ = 0;
};

/// The pairs (key, value) of a version, in order of the keys' arrival. Waits for a writer's commit
/// at most, never for a batch.
std::unique_ptr<cursor> read_version(version_ptr version, const row_type& rows);

}  // namespace millrace::detail
