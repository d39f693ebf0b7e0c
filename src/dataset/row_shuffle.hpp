// Shuffles of whole rows: dealt out in turn or by key, kept in the order of the parent.
#pragma once

#include <memory>
#include <vector>

#include "dataset/shuffle.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"

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
    map_output_ptr held;
    const char* rows;
    std::size_t count;
  };
  std::vector<run> runs;
  std::size_t total = 0;
};
row_runs fetch_rows(const shuffle& from, int partition, task_context& task);

}  // namespace millrace::detail
