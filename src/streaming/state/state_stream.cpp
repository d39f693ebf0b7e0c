#include "streaming/state/state_stream.hpp"

#include <utility>

#include "millrace/detail/streaming/operations.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {
cells_maker cells_of(stream_engine& engine) {
  const auto store = engine.state_store();
  if (store == nullptr) return cells_in_memory;
  return [store](const row_type& key, const row_type& value, const alive_flags& alive) {
    return cells_in_store(store, key, value, alive);
  };
}
}  // namespace

state_stream::state_stream(facts f, std::shared_ptr<const state_operation> operation,
                           partitioner_ptr by)
    : stream_node(std::move(f)),
      store_(
          std::make_shared<state_store>(std::move(operation), by->partitions, cells_of(*engine()))),
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

std::vector<std::shared_ptr<kept_state>> state_stream::kept_states() { return {kept_table(*this)}; }

kept_identity state_stream::identity() const {
  const state_operation& operation = store_->operation();
  std::string fingerprint = "(";
  fingerprint.append(signature_of(operation.key())).append(", ");
  fingerprint.append(signature_of(operation.value())).append(")").append(operation.shape(slide()));
  return {name() == stream_node::operation() ? std::string() : name(),
          std::string(operation.name()), std::move(fingerprint), store_->partitions()};
}

batch_count state_stream::count() const {
  return {zero(), slide(), store_->operation().units_a_batch()};
}

std::shared_ptr<const state_dataset> state_stream::dataset_of(std::int64_t number) {
  if (number > 0 && (last_ == nullptr || last_->number() < number))
    dataset(zero() + number * slide());
  return last_;
}

void state_stream::restored(std::int64_t number) {
  last_ = std::make_shared<state_dataset>(engine()->core(), rows(), by_, store_, number,
                                          zero() + number * slide());
}

void state_stream::clear() {
  last_ = nullptr;
  stream_node::clear();
}

}  // namespace millrace::detail
