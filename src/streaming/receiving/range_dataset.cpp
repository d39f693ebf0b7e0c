// The rows of a range that a replayable source named.
#include <string>
#include <utility>

#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/error.hpp"
#include "millrace/source.hpp"

namespace millrace::detail {
namespace {

class range_cursor final : public cursor {
 public:
  range_cursor(const range_functions& f, const function_state& range, std::uint32_t row_size,
               int partition, task_context& task)
      : functions_(f),
        range_(range),
        buffer_(allocate_aligned(std::size_t{chunk_capacity} * row_size)),
        partition_(partition),
        task_(task) {
    state_.buffer = buffer_.get();
  }

  flow step(const sink& to) override {
    state_.to = to;
    try {
      functions_.read(functions_.reader.get(), range_.get(), partition_, state_, task_);
    } catch (...) {
      task_.failed_in("stream", -1);
      throw;
    }
    return flow::enough;
  }

 private:
  const range_functions& functions_;
  const function_state& range_;
  aligned_memory buffer_;
  step_state state_;
  int partition_;
  task_context& task_;
};

class range_node final : public node {
 public:
  range_node(facts f, std::shared_ptr<const range_functions> functions, function_state range)
      : node(std::move(f)), functions_(std::move(functions)), range_(std::move(range)) {}
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    return std::make_unique<range_cursor>(*functions_, range_, rows().size, partition, task);
  }
  const void* range(const row_type& type) const {
    return functions_->range == &type ? range_.get() : nullptr;
  }

 private:
  std::shared_ptr<const range_functions> functions_;
  function_state range_;
};

}  // namespace

node_ptr range_dataset(context_ptr context, const row_type& rows,
                       std::shared_ptr<const range_functions> functions, function_state range) {
  const int partitions = functions->partitions(functions->reader.get(), range.get());
  if (partitions < 0)
    throw usage_error("stream: a source says that a range has a negative number of partitions: " +
                      std::to_string(partitions));
  return std::make_shared<range_node>(
      node::facts{std::move(context), &rows, "stream", partitions, {}, {}, nullptr},
      std::move(functions), std::move(range));
}

const void* range_of(const node& dataset, const row_type& range) {
  const auto* reading = dynamic_cast<const range_node*>(&dataset);
  return reading == nullptr ? nullptr : reading->range(range);
}

}  // namespace millrace::detail
