#include "streaming/state/state_stream.hpp"

#include <utility>

#include "millrace/detail/streaming/operations.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

state_stream::state_stream(facts f, std::shared_ptr<const state_operation> operation,
                           partitioner_ptr by)
    : stream_node(std::move(f)),
      store_(std::make_shared<state_store>(std::move(operation), by->partitions)),
      by_(std::move(by)) {}

std::shared_ptr<state_dataset> state_stream::make(std::int64_t number, time_point_ms time,
                                                  std::vector<node_ptr> from) {
  last_ = std::make_shared<state_dataset>(engine()->core(), rows(), by_, store_, number, time,
                                          std::move(from), last_);
  return last_;
}

node_ptr state_stream::compute(time_point_ms time) {
  const std::int64_t number = (time - zero()) / slide();
  const std::int64_t known = last_ == nullptr ? 0 : last_->number();
  if (number <= known) {
    throw error(name() +
                ": the dataset of an earlier batch was asked for after it was forgotten; " +
                "keep it with streaming_context::remember: " +
                std::to_string(time.time_since_epoch().count()) + " ms");
  }
  // A batch follows from the one before, whether that was asked for or not.
  for (std::int64_t n = known + 1; n < number; ++n) dataset(zero() + n * slide());
  if (last_ == nullptr)
    if (node_ptr first = initial()) make(0, time, {std::move(first)});
  return make(number, time, inputs(time));
}

void state_stream::clear() {
  last_ = nullptr;
  stream_node::clear();
}

}  // namespace millrace::detail
