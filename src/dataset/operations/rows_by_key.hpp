// What groups and joins have in common: sides, numbers for their keys, rows brought together by
// key.
#pragma once

#include <cstdint>
#include <vector>

#include "dataset/row_shuffle.hpp"
#include "dataset/table.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

/// Where the rows of a side come from: a shuffle or, where it is partitioned as it should be, the
/// parent itself.
struct side_source {
  const row_type* rows;  // pairs
  bool shuffled;
  std::size_t index;  // of the shuffle or the parent
};
/// Adds the parents, or shuffles of them, to the facts of a node that is partitioned `by`.
std::vector<side_source> add_sides(node::facts& to, const std::vector<node_ptr>& parents,
                                   const partitioner_ptr& by);
/// A side's rows for this partition, some of them on disk where they are many.
row_runs fetch_side(const node& grouped, const side_source& side, int partition,
                    task_context& task);

/// Whether the rows fit in a task's share, with what finds them by key.
bool fits_by_key(const row_runs& rows, const task_context& task);

/// Where the rows of a key lie.
struct row_range {
  std::uint32_t first;
  std::uint32_t last;  // one past
};

/// A number for each key: 0, 1, 2 … in order of arrival. Later, a range of rows.
class key_numbers {
 public:
  explicit key_numbers(const row_type& key);
  std::uint32_t size() const { return table_.size(); }

  /// The numbers of the keys of up to chunk_rows pairs; new keys get the next ones.
  void assign(const row_type& pairs, const char* rows, std::uint32_t n, std::uint32_t* numbers);
  /// Constructs the keys from number `first` on.
  void make_keys(std::uint32_t first, std::uint32_t n, void* to);

  /// Gives key k the range from starts[k] up to starts[k + 1]. After this, only `find`.
  void set_ranges(const std::uint32_t* starts);
  /// The ranges of the keys of up to chunk_rows pairs; an empty one for a key that is not known.
  void find(const row_type& pairs, const char* rows, std::uint32_t n, std::uint32_t* first,
            std::uint32_t* last);

 private:
  aggregation_table table_;
};

/// The rows of one side by key, those of a key in order of arrival.
class rows_by_key {
 public:
  explicit rows_by_key(const row_type& pairs) : pairs_(&pairs), whole_(is_kept_whole(pairs)) {}

  /// Numbers the keys. Stops halfway where the task is cancelled.
  void number(row_runs rows, key_numbers& keys, const task_context& task);
  /// Brings the rows together, once the keys of all sides have their numbers.
  void place(std::uint32_t keys);

  /// The kept rows of key k: from starts()[k] up to starts()[k + 1].
  const void* rows() const { return rows_.get(); }
  const std::uint32_t* starts() const { return starts_.data(); }

  const void* row(std::uint32_t i) const {
    return whole_ ? static_cast<const char*>(rows_.get()) + std::size_t{i} * pairs_->size
                  : static_cast<const void* const*>(rows_.get())[i];
  }
  /// Brings row i closer, for a look at it a little later.
  void prefetch(std::uint32_t i) const {
    const std::size_t size = whole_ ? pairs_->size : sizeof(void*);
    __builtin_prefetch(static_cast<const char*>(rows_.get()) + i * size);
  }

 private:
  template <class Put>
  void place_each(Put put);

  const row_type* pairs_;
  bool whole_;
  row_runs input_;                     // holds the texts and what is not kept whole
  aligned_memory numbers_;             // while numbering: of each row's key
  std::vector<std::uint32_t> starts_;  // while numbering: how many rows, one to the right
  aligned_memory rows_;
};

}  // namespace millrace::detail
