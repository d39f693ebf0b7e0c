// Shuffles of whole rows: dealt out in turn or by key, kept in the order of the parent.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "dataset/shuffle.hpp"

namespace millrace::detail {

/// Whole rows; `by` null: in turn.
class row_shuffle final : public shuffle {
 public:
  row_shuffle(node_ptr parent, int partitions, partitioner_ptr by);
  map_output_ptr write(task_context& task, int map) const override;

 private:
  partitioner_ptr by_;
};

/// This partition of every map output, as runs of rows in map order.
struct row_runs {
  struct run {
    std::shared_ptr<const void> held;
    const char* rows;  // null: on disk
    std::size_t count;
    const row_frames* disk = nullptr;
  };
  std::vector<run> runs;
  std::size_t total = 0;
  /// About what all would take in memory.
  std::size_t bytes = 0;

  /// Reads in what lies on disk.
  void load(const row_type& rows);
};
/// Adds one output's; nothing of an empty one.
void add_runs(row_runs& to, map_output_ptr out, int partition);
row_runs fetch_rows(const shuffle& from, int partition, task_context& task);

/// Gives runs chunk by chunk, one frame in memory at a time.
class runs_reader {
 public:
  runs_reader(const row_runs& runs, const row_type& rows) : runs_(runs), rows_(rows) {}
  /// False: no more. The rows live until the next call.
  bool next();
  const char* data() const { return data_; }
  std::uint32_t count() const { return count_; }
  /// Whether the rows may be moved from.
  bool movable() const { return frames_.has_value(); }
  bool last() const { return at_ == runs_.runs.size(); }

 private:
  const row_runs& runs_;
  const row_type& rows_;
  std::size_t at_ = 0;
  std::size_t next_ = 0;
  std::optional<frame_reader> frames_;
  const char* data_ = nullptr;
  std::uint32_t count_ = 0;
};

}  // namespace millrace::detail
