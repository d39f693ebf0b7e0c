#include <deque>
#include <mutex>

#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/streaming/operations.hpp"
#include "millrace/detail/streaming/replay.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

struct dataset_queue::state {
  mutable std::mutex mutex;
  std::deque<node_ptr> waiting;
};

dataset_queue::dataset_queue() : state_(std::make_unique<state>()) {}
dataset_queue::~dataset_queue() = default;

void dataset_queue::push(node_ptr dataset) {
  const std::lock_guard lock(state_->mutex);
  state_->waiting.push_back(std::move(dataset));
}

node_ptr dataset_queue::pop() {
  const std::lock_guard lock(state_->mutex);
  if (state_->waiting.empty()) return {};
  node_ptr dataset = std::move(state_->waiting.front());
  state_->waiting.pop_front();
  return dataset;
}

std::vector<node_ptr> dataset_queue::take_all() {
  const std::lock_guard lock(state_->mutex);
  std::vector<node_ptr> all(state_->waiting.begin(), state_->waiting.end());
  state_->waiting.clear();
  return all;
}

std::size_t dataset_queue::size() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waiting.size();
}

namespace {

class queue_stream_node final : public input_stream {
 public:
  queue_stream_node(facts f, std::shared_ptr<dataset_queue> queue, bool one_at_a_time,
                    node_ptr fallback)
      : input_stream(std::move(f)),
        context_(engine()->core()),
        queue_(std::move(queue)),
        one_at_a_time_(one_at_a_time),
        fallback_(std::move(fallback)) {}

 protected:
  node_ptr compute(time_point_ms) override {
    if (one_at_a_time_) {
      if (node_ptr next = queue_->pop()) return next;
    } else if (std::vector<node_ptr> all = queue_->take_all(); !all.empty()) {
      return all.size() == 1 ? all[0] : union_of(context_, rows(), std::move(all));
    }
    return fallback_ != nullptr ? fallback_ : from_rows(context_, rows(), {});
  }

 private:
  context_ptr context_;
  std::shared_ptr<dataset_queue> queue_;
  bool one_at_a_time_;
  node_ptr fallback_;
};

class constant_stream_node final : public input_stream, public replayable_input {
 public:
  constant_stream_node(facts f, node_ptr dataset)
      : input_stream(std::move(f)), dataset_(std::move(dataset)) {}

  // Every batch reads the same, whatever the program says it is.
  replayable_input* replay() override { return this; }
  std::string range_signature() const override { return "()"; }
  void write_range(byte_writer&) const override {}
  std::int64_t allocate_again(time_point_ms, std::string_view) override { return 0; }
  void write_position(byte_writer&) const override {}
  void resume(std::string_view, std::span<const std::string_view>) override {}

 protected:
  node_ptr compute(time_point_ms) override { return dataset_; }

 private:
  node_ptr dataset_;
};

}  // namespace

stream_ptr queue_stream(const stream_engine_ptr& engine, const row_type& rows,
                        std::shared_ptr<dataset_queue> queue, bool one_at_a_time,
                        node_ptr fallback) {
  auto input =
      std::make_shared<queue_stream_node>(stream_node::facts{engine, &rows, "queue_stream", {}},
                                          std::move(queue), one_at_a_time, std::move(fallback));
  engine->graph().add_input(input);
  return input;
}

stream_ptr constant_stream(const stream_engine_ptr& engine, node_ptr dataset) {
  const row_type& rows = dataset->rows();
  auto input = std::make_shared<constant_stream_node>(
      stream_node::facts{engine, &rows, "constant_stream", {}}, std::move(dataset));
  engine->graph().add_input(input);
  return input;
}

}  // namespace millrace::detail
