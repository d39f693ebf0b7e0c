// The values that a stream keeps by key, one partition of them, and how earlier versions are read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "millrace/detail/dataset/cursor.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "streaming/state/key_cells.hpp"

namespace millrace::detail {

class keyed_table;

inline constexpr std::uint32_t no_id = UINT32_MAX;

/// The keys that some batches touched, and those of the batches before: newest first.
struct touched_keys {
  touched_keys() = default;
  ~touched_keys();
  touched_keys(const touched_keys&) = delete;
  touched_keys& operator=(const touched_keys&) = delete;

  std::int64_t first = 0;  // batches
  std::int64_t last = 0;
  std::uint32_t known = 0;  // how many ids there were before
  std::vector<std::uint32_t> ids;
  std::shared_ptr<touched_keys> before;
};

/// The table as one batch left it. Whoever holds it can read it as long as it likes, whatever later
/// batches do: they leave behind what they replaced.
struct table_version {
  table_version(std::shared_ptr<keyed_table> of, std::int64_t batch);
  ~table_version();
  table_version(const table_version&) = delete;
  table_version& operator=(const table_version&) = delete;

  std::shared_ptr<keyed_table> table;
  std::int64_t number;                    // of the batch that made it
  std::uint32_t ids;                      // that there were
  std::shared_ptr<touched_keys> touched;  // null: none since `keyed_table::tracked_since`
  // Set by the next batch, under the table's mutex; all but `next` only where somebody else than
  // the table's owner holds this version then.
  std::vector<std::uint32_t> replaced;
  std::vector<const void*> before;  // of each that was replaced: its value in `values`, or null
  row_buffer values;
  std::vector<std::uint32_t> stamped;  // ids, and the stamps that they had
  std::vector<std::int64_t> stamps;
  std::shared_ptr<table_version> next;
};
using version_ptr = std::shared_ptr<table_version>;

/// Makes the place for keys and values of a table.
using cells_maker = std::function<std::unique_ptr<key_cells>(
    const row_type& key, const row_type& value, const alive_flags& alive)>;

/// Keys are numbered in order of arrival; a number stays until the table is made anew without the
/// keys that are gone. One writer; readers read in between, through `read_version`.
class keyed_table {
 public:
  /// `stamped`: remembers of each key with a value the last batch that touched it.
  keyed_table(const row_type& key, const row_type& value, bool stamped, const cells_maker& cells);
  keyed_table(const keyed_table&) = delete;
  keyed_table& operator=(const keyed_table&) = delete;

  const row_type& key() const { return *key_; }
  const row_type& value_type() const { return *value_; }
  bool stamped() const { return stamped_; }

  // ---- the writer
  /// The ids of the keys of at most chunk_capacity rows; new ones have no value yet.
  void find(std::uint32_t key_in_row, const char* rows, std::uint32_t stride, std::uint32_t n,
            std::uint32_t* ids);
  std::uint32_t ids() const { return cells_->size(); }
  /// Keys with a value.
  std::uint32_t alive() const { return alive_count_; }
  bool has(std::uint32_t id) const { return id < alive_.size() && alive_[id] != 0; }
  /// As key_cells::read.
  void read(const std::uint32_t* ids, std::uint32_t n, const void** to, row_buffer& kept) const {
    cells_->read(ids, n, to, kept);
  }
  /// As key_cells::make_keys.
  void make_keys(const std::uint32_t* ids, std::uint32_t n, void* to, std::uint32_t stride,
                 arena& texts) const {
    cells_->make_keys(ids, n, static_cast<char*>(to), stride, texts);
  }
  /// 0: the key was never touched.
  std::int64_t stamp(std::uint32_t id) const { return stamps_[id]; }
  void stamp(std::uint32_t id, std::int64_t batch) { stamps_[id] = batch; }
  /// Takes the changes of a batch over; `now` is the version that was current, the new one is
  /// returned. Where it throws, nothing has changed.
  version_ptr commit(staged_changes& changes, const version_ptr& now, std::int64_t batch);
  /// Copies the keys of `from` for which `keep` has a 1, in order, with their values and stamps.
  /// `ids[old]` is the new id, or no_id.
  void copy(const keyed_table& from, const std::vector<std::uint8_t>& keep,
            std::vector<std::uint32_t>& ids);

  // ---- what changed
  /// From the version of `batch` on, versions know what was touched.
  void track(std::int64_t batch) { tracked_since_ = batch; }
  bool tracked() const { return tracked_since_ != INT64_MAX; }
  /// Nobody asks any more for what batches up to this one touched; `now` is the current version.
  void forget_touched(const version_ptr& now, std::int64_t batch);

  struct difference {
    bool known = false;                  // else all may have changed
    std::uint32_t ids = 0;               // that there were then, or fewer
    std::vector<std::uint32_t> touched;  // sorted, each once
  };
  /// What changed from the batch to the version. Any thread.
  static difference changed_since(const table_version& version, std::int64_t batch);

 private:
  friend class version_reader;
  void record(const staged_changes& changes, const table_version& now, table_version& next);

  const row_type* key_;
  const row_type* value_;
  std::mutex mutex_;   // between the writer's changes and readers; the writer itself reads without
  alive_flags alive_;  // of all ids, but for those that a `find` without memory left
  std::uint32_t alive_count_ = 0;
  std::unique_ptr<key_cells> cells_;
  bool stamped_;
  std::vector<std::int64_t> stamps_;
  std::int64_t tracked_since_ = INT64_MAX;
  std::size_t tracked_ids_ = 0;  // in all of the current version's `touched`
};

/// What a version held of each key, while later batches go on. Calls between `lock` and `unlock`
/// (keep that short: batches wait); what they return is valid until then.
class version_reader {
 public:
  explicit version_reader(version_ptr version);

  const keyed_table& table() const { return *table_; }
  std::uint32_t ids() const { return ids_; }
  void lock();
  void unlock() { table_->mutex_.unlock(); }
  /// As key_cells::read. At most chunk_rows.
  void read(const std::uint32_t* ids, std::uint32_t n, const void** to);
  void make_keys(const std::uint32_t* ids, std::uint32_t n, void* to, std::uint32_t stride,
                 arena& texts) const {
    table_->make_keys(ids, n, to, stride, texts);
  }
  std::int64_t stamp(std::uint32_t id) const;

 private:
  version_ptr last_;  // up to which what follows is known
  std::vector<version_ptr> held_;
  std::shared_ptr<keyed_table> table_;
  std::uint32_t ids_;
  std::unordered_map<std::uint32_t, const void*> values_;
  std::unordered_map<std::uint32_t, std::int64_t> stamps_;
  row_buffer kept_;
};

/// The pairs (key, value) of a version, in order of the keys' arrival. Waits for a writer's commit
/// at most, never for a batch.
std::unique_ptr<cursor> read_version(version_ptr version, const row_type& rows);

}  // namespace millrace::detail
