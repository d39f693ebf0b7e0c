// map_partitions, glom and all that pulls rows.
#include <utility>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

partition_input::partition_input(std::unique_ptr<cursor> from, const row_type& rows, bool hold)
    : from_(std::move(from)), current_(rows), hold_(hold) {}

bool partition_input::pull() {
  if (done_) {
    if (!hold_) current_.clear();
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
  return !current_.empty();
}

namespace {

class partitions_cursor final : public cursor {
 public:
  partitions_cursor(std::unique_ptr<cursor> from, const row_type& in, const row_type& out,
                    bool hold, int partition, const void* function, partition_loop run,
                    std::string_view operation, task_context& task)
      : input_(std::move(from), in, hold),
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
    try {
      run_(state_, partition_, input_);
    } catch (...) {
      task_.failed_in(operation_, -1);
      throw;
    }
    return flow::enough;
  }

 private:
  partition_input input_;
  aligned_memory buffer_;
  step_state state_;
  int partition_;
  partition_loop run_;
  std::string_view operation_;
  task_context& task_;
};

class partitions_node final : public node {
 public:
  partitions_node(facts f, function_state function, partition_loop run, bool hold)
      : node(std::move(f)), function_(std::move(function)), run_(run), hold_(hold) {}
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    const node& parent = *parents()[0];
    return std::make_unique<partitions_cursor>(task.open(parent, partition), parent.rows(), rows(),
                                               hold_, partition, function_.get(), run_, operation(),
                                               task);
  }

 private:
  function_state function_;
  partition_loop run_;
  bool hold_;
};

}  // namespace

node_ptr map_partitions(const node_ptr& parent, const row_type& rows, std::string_view operation,
                        function_state function, partition_loop run, bool hold_rows,
                        bool keeps_partitioner) {
  return std::make_shared<partitions_node>(
      node::facts{parent->context(),
                  &rows,
                  operation,
                  parent->partitions(),
                  {parent},
                  {},
                  keeps_partitioner ? parent->by_key() : nullptr},
      std::move(function), run, hold_rows);
}

}  // namespace millrace::detail
