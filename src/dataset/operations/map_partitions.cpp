// map_partitions, glom, zip_partitions and all that pulls rows.
#include <algorithm>
#include <string>
#include <utility>

#include "dataset/operations/partitions_node.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

partition_input::partition_input(std::unique_ptr<cursor> from, const row_type& rows, bool hold,
                                 const task_context& task)
    : from_(std::move(from)), current_(rows), task_(&task), hold_(hold) {}

bool partition_input::pull() {
  if (task_->cancelled()) throw task_cancelled();
  const auto now = pace::clock::now();
  if (count_ != 0) pace_.took(now - shown_);
  shown_ = now;
  begin_ += std::exchange(count_, 0);
  count_ = std::min<std::size_t>(pace_.rows(), current_.size() - begin_);
  if (count_ != 0) return true;
  begin_ = 0;
  if (done_) {
    if (!hold_) current_.clear();
    begin_ = current_.size();
    return false;
  }
  if (hold_ && !current_.empty()) {
    row_buffer next(current_.type());
    held_.push_back(std::exchange(current_, std::move(next)));
  } else {
    current_.clear();
    current_.texts().clear();
  }
  while (current_.empty() && !done_) done_ = from_->step(current_.collector()) == flow::enough;
  if (task_->cancelled()) throw task_cancelled();
  count_ = std::min<std::size_t>(pace_.rows(), current_.size());
  shown_ = pace::clock::now();
  return count_ != 0;
}

row_buffer partition_input::rest() {
  row_buffer all(current_.type());
  for (std::size_t at = begin_ + count_; at < current_.size(); at += chunk_rows)
    all.append({current_.row(at),
                static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, current_.size() - at)),
                false});
  begin_ = current_.size();
  count_ = 0;
  while (!done_) done_ = from_->step(all.collector()) == flow::enough;
  return all;
}

namespace {

class partitions_cursor final : public cursor {
 public:
  partitions_cursor(std::vector<partition_input> inputs, const row_type& out, int partition,
                    const void* function, partition_loop run, std::string_view operation,
                    task_context& task)
      : inputs_(std::move(inputs)),
        buffer_(allocate_aligned(std::size_t{chunk_capacity} * out.size)),
        partition_(partition),
        run_(run),
        operation_(operation),
        task_(task) {
    state_.function = function;
    state_.buffer = buffer_.get();
  }
  flow step(const sink& to) override {
    state_.to = to;
    const activity_scope doing(task_, operation_, -1);
    try {
      run_(state_, partition_, inputs_.data());
    } catch (...) {
      task_.failed_in(operation_, -1);
      throw;
    }
    return flow::enough;
  }

 private:
  std::vector<partition_input> inputs_;
  aligned_memory buffer_;
  step_state state_;
  int partition_;
  partition_loop run_;
  std::string_view operation_;
  task_context& task_;
};

}  // namespace

int partitions_node::parent_partition(int partition, std::size_t) const { return partition; }

std::unique_ptr<cursor> partitions_node::open(int partition, task_context& task) const {
  std::vector<partition_input> inputs;
  for (std::size_t i = 0; i < parents().size(); ++i) {
    const node& parent = *parents()[i];
    inputs.emplace_back(task.open(parent, parent_partition(partition, i)), parent.rows(), hold_,
                        task);
  }
  return std::make_unique<partitions_cursor>(std::move(inputs), rows(), partition, function_.get(),
                                             run_, operation(), task);
}

node_ptr map_partitions(std::vector<node_ptr> parents, const row_type& rows,
                        std::string_view operation, function_state function, partition_loop run,
                        bool hold_rows, bool keeps_partitioner) {
  const node& first = *parents[0];
  for (const auto& p : parents) {
    if (p->partitions() == first.partitions()) continue;
    std::string text(operation);
    text += ": the datasets need the same number of partitions, they have:";
    for (const auto& each : parents) text += ' ' + std::to_string(each->partitions());
    throw usage_error(text);
  }
  node::facts f{first.context(),
                &rows,
                operation,
                first.partitions(),
                {},
                {},
                keeps_partitioner ? first.by_key() : nullptr};
  f.parents = std::move(parents);
  return std::make_shared<partitions_node>(std::move(f), std::move(function), run, hold_rows);
}

}  // namespace millrace::detail
