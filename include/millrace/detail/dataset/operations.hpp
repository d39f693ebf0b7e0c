// The untyped operations that datasets are built from. Each lives in src/dataset/operations/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "millrace/detail/dataset/aggregator.hpp"
#include "millrace/detail/dataset/node.hpp"
#include "millrace/detail/dataset/pace.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"

namespace millrace::detail {

/// A dataset and all that it is made of, a line each, in the shape of Spark's toDebugString.
std::string debug_string(const node& of);

// ---- sources

/// One partition a buffer.
node_ptr from_rows(context_ptr context, const row_type& rows, std::vector<row_buffer_ptr> slices);
/// begin, begin + step, … before end, as std::int64_t, in `slices` parts of nearly equal size.
node_ptr from_range(context_ptr context, std::int64_t begin, std::int64_t end, std::int64_t step,
                    int slices);
/// Lines of files (std::string_view), split into at least `min_partitions` where they are large.
node_ptr from_text_file(context_ptr context, const std::string& path, int min_partitions);
/// Pairs of std::string, (path, content), a file a row; `unpack`: decompressed by extension.
node_ptr from_whole_files(context_ptr context, std::string_view operation, const std::string& path,
                          int min_partitions, bool unpack);
/// Views (std::string_view) of `length` bytes.
node_ptr from_binary_records(context_ptr context, const std::string& path, std::int64_t length);
/// What save_as_object wrote.
node_ptr from_object_file(context_ptr context, const row_type& rows, const std::string& path);
/// The same of the files, in this order; `operation` is for errors.
node_ptr from_row_files(context_ptr context, const row_type& rows, std::string_view operation,
                        std::vector<std::string> paths);
/// Lines of blocks in memory, one partition a block. A block's text has 64 readable bytes after it,
/// whole lines, and is held by `keep`.
struct text_block {
  std::shared_ptr<const void> keep;
  std::string_view text;
};
node_ptr from_text_blocks(context_ptr context, std::vector<text_block> blocks);

// ---- narrow

/// flat_map(mr::split(delimiter)) and flat_map(mr::words()) on rows of text: block-wise where the
/// parent is read in blocks.
node_ptr split_text(const node_ptr& parent, char delimiter);
node_ptr split_words(const node_ptr& parent);
/// Partitions of all, one after another.
node_ptr union_of(context_ptr context, const row_type& rows, std::vector<node_ptr> parents);

/// Steps a parent and holds what one step gave: how an operation pulls. Rows (and, while `hold` is
/// set, all earlier ones) stay where they are until the input is destroyed or pulled again.
class partition_input {
 public:
  partition_input(std::unique_ptr<cursor> from, const row_type& rows, bool hold,
                  const task_context& task);
  /// The next rows, few where those before took long; false: no more. Throws task_cancelled, so
  /// that a function never takes part of a partition for all of it.
  bool pull();
  const void* rows() const { return current_.row(begin_); }
  std::size_t count() const { return count_; }
  std::size_t row_size() const { return current_.type().size; }
  /// All rows that were not pulled yet: the rest of the partition in memory.
  row_buffer rest();
  const task_context& task() const { return *task_; }

 private:
  std::unique_ptr<cursor> from_;
  row_buffer current_;
  std::size_t begin_ = 0;  // of the rows that are shown, in current_
  std::size_t count_ = 0;
  std::vector<row_buffer> held_;
  const task_context* task_;
  pace pace_;
  pace::clock::time_point shown_{};
  bool hold_;
  bool done_ = false;
};
/// Runs once a partition, with an input for each parent. `step.to` takes the result.
using partition_loop = void (*)(step_state& step, int partition, partition_input* in);
/// Partition i of all parents together, which have the same number of partitions.
node_ptr map_partitions(std::vector<node_ptr> parents, const row_type& rows,
                        std::string_view operation, function_state function, partition_loop run,
                        bool hold_rows, bool keeps_partitioner);
/// Each partition of the left with each of the right.
node_ptr cross_partitions(const node_ptr& left, const node_ptr& right, const row_type& rows,
                          std::string_view operation, partition_loop run);
/// The same rows; its tasks run at the same time.
node_ptr barrier(const node_ptr& parent);
/// At most `partitions`, each made of parent's partitions that lie side by side; nothing is moved.
node_ptr coalesce(const node_ptr& parent, int partitions);

/// The lines (std::string_view) that a command makes of the rows' text form, given line by line.
node_ptr pipe_through(const node_ptr& parent, std::vector<std::string> command);
/// Cut at white space.
std::vector<std::string> words_of(std::string_view command);

// ---- rows by choice: the partitioner stays

/// Each row with this chance (or, with replacement, this often on average).
node_ptr sample(const node_ptr& parent, bool replacement, double fraction, std::uint64_t seed);
/// Every row into one of the parts.
std::vector<node_ptr> random_split(const node_ptr& parent, const std::vector<double>& weights,
                                   std::uint64_t seed);
/// `fractions`: rows of std::pair<K, double>.
node_ptr sample_by_key(const node_ptr& parent, bool replacement, row_buffer fractions,
                       std::uint64_t seed);
/// `ends`: the lowest and the highest key. Partitions that cannot have one are left out where the
/// parent is partitioned by range.
node_ptr filter_by_range(const node_ptr& parent, row_buffer ends);

// ---- by key

/// How many partitions a shuffle of these parents gets when the user does not say: Spark's rule.
int default_partitions(const std::vector<node_ptr>& parents);
/// The partitioner that the user did not name: that of the parent with most partitions if it has
/// one and it is large enough, else by hash into `default_partitions`.
partitioner_ptr default_partitioner(const std::vector<node_ptr>& parents, const row_type& key);
partitioner_ptr hash_partitioner_for(const row_type& key, int partitions);
/// `partition(function, key)` is the user's own.
partitioner_ptr user_partitioner_for(const row_type& key, int partitions, function_state function,
                                     int (*partition)(const void* function, const void* key),
                                     bool (*same)(const void* a, const void* b), const void* kind);
/// Keys up to and including bounds[i] go to partition i; the rest to the last. Descending:
/// reversed.
partitioner_ptr range_partitioner_for(const row_type& key, row_buffer_ptr bounds, bool ascending);

/// Rows that are pairs (key, combined), or keys alone.
node_ptr aggregate_by_key(const node_ptr& parent, const row_type& rows, std::string_view operation,
                          aggregator a, partitioner_ptr by);

/// Rows by key lie side by side: small plain ones themselves, of others their addresses.
template <class Row>
inline constexpr bool kept_whole = std::is_trivially_copy_constructible_v<Row> &&
                                   std::is_trivially_destructible_v<Row> && sizeof(Row) <= 32;
inline bool is_kept_whole(const row_type& t) { return t.trivial && t.size <= 32; }
template <class Row>
const Row& kept_row(const void* rows, std::uint32_t i) {
  if constexpr (kept_whole<Row>) return static_cast<const Row*>(rows)[i];
  else return *static_cast<const Row* const*>(rows)[i];
}

/// The rows of a run of keys: those of key g on side s are the kept rows of rows[s] from
/// starts[s][g] up to starts[s][g + 1].
struct groups {
  const void* keys;
  std::uint32_t count;
  const void* const* rows;
  const std::uint32_t* const* starts;
};
using group_loop = flow (*)(step_state& step, const groups& in);
/// Rows of each parent are pairs with the same key type; `run` is given all keys of all sides.
node_ptr group_by_key(std::vector<node_ptr> parents, const row_type& rows,
                      std::string_view operation, function_state function, group_loop run,
                      partitioner_ptr by);

/// Rows of one side, each with those of the other that have its key: for rows[i] the kept rows of
/// `others` from first[i] up to last[i].
struct matches {
  bool left;  // whose rows `rows` are
  std::uint32_t count;
  const void* const* rows;
  const void* others;
  const std::uint32_t* first;
  const std::uint32_t* last;
};
using join_loop = flow (*)(step_state& step, const matches& in);
struct join_form {
  join_loop run;
  // Whether `run` wants to see rows of this side that match none.
  bool keeps_left;
  bool keeps_right;
};
/// Rows of both are pairs with the same key type. In each partition, results lie in the order of
/// the side with more rows (the left, if equal), for each row in the order of the other; at the end
/// come rows of the other side that match none, by key.
node_ptr join(const node_ptr& left, const node_ptr& right, const row_type& rows,
              std::string_view operation, join_form form, partitioner_ptr by);

// ---- shuffles of whole rows

/// Exactly `partitions` of nearly equal size, dealt out row by row.
node_ptr repartition(const node_ptr& parent, int partitions);
/// Pairs, each to the partition of its key, in the order of the parent.
node_ptr partition_by(const node_ptr& parent, partitioner_ptr by);
/// Pairs to the partition of their key and sorted by it there; equal keys keep their order.
node_ptr sort_partitions(const node_ptr& parent, std::string_view operation, partitioner_ptr by,
                         bool ascending);

}  // namespace millrace::detail
