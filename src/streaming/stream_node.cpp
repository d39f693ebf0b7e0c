#include "millrace/detail/streaming/stream_node.hpp"

#include <algorithm>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

stream_node::stream_node(facts f)
    : engine_(f.engine),
      rows_(f.rows),
      operation_(f.operation),
      parents_(std::move(f.parents)),
      slide_(f.slide) {
  f.engine->check_building(operation_);
  if (slide_.count() == 0) slide_ = parents_.empty() ? f.engine->interval() : parents_[0]->slide();
  for (const stream_ptr& parent : parents_) {
    if (parent->engine() != f.engine) {
      throw usage_error(std::string(operation_) +
                        ": streams of different streaming contexts can't be used together");
    }
    if (parent->slide() != parents_[0]->slide()) {
      throw usage_error(std::string(operation_) +
                        ": some of the streams have different slide durations: " +
                        std::to_string(parents_[0]->slide().count()) + " ms and " +
                        std::to_string(parent->slide().count()) + " ms");
    }
  }
}

stream_node::~stream_node() = default;

stream_engine_ptr stream_node::engine() const {
  stream_engine_ptr engine = engine_.lock();
  if (engine == nullptr) {
    throw usage_error(std::string(operation_) +
                      ": the streaming context that this stream belongs to is gone");
  }
  return engine;
}

node_ptr stream_node::known_dataset(time_point_ms time) const {
  for (const made& one : generated_)
    if (one.time == time) return one.dataset;
  return {};
}

void stream_node::restore_dataset(time_point_ms time, node_ptr dataset) {
  const auto at = std::find_if(generated_.begin(), generated_.end(),
                               [&](const made& one) { return one.time >= time; });
  if (at != generated_.end() && at->time == time) return;
  generated_.insert(at, {time, std::move(dataset)});
}

node_ptr stream_node::dataset(time_point_ms time) {
  for (const made& one : generated_)
    if (one.time == time) return one.dataset;
  if (!valid(time)) return {};
  node_ptr dataset = compute(time);
  give(time, dataset);
  return dataset;
}

void stream_node::give(time_point_ms time, node_ptr dataset) {
  if (dataset != nullptr && kept_ != storage_level::none && dataset->kept() == storage_level::none)
    dataset->keep(kept_);
  generated_.push_back({time, std::move(dataset)});
}

void stream_node::start(time_point_ms zero) {
  zero_ = forgotten_ = zero;
  started_ = true;
  const auto every = checkpoint_interval_;
  if (every.count() != 0 && (every < slide_ || every % slide_ != std::chrono::milliseconds{0})) {
    throw usage_error(
        name() + ": the checkpoint interval must be a multiple of its slide duration: " +
        std::to_string(every.count()) + " ms, slide " + std::to_string(slide_.count()) + " ms");
  }
}

void stream_node::remember(std::chrono::milliseconds at_least) {
  at_least = std::max(at_least, slide_);
  if (at_least <= remember_) return;
  remember_ = at_least;
  for (const stream_ptr& parent : parents_) parent->remember(parents_remember());
}

void stream_node::forget(time_point_ms up_to) {
  forgotten_ = std::max(forgotten_, up_to - remember_);
  std::erase_if(generated_, [&](const made& one) { return one.time <= forgotten_; });
}

input_stream::input_stream(facts f)
    : stream_node(std::move(f)), id_(engine()->graph().next_input_id()) {}

void input_stream::allocate_nothing(time_point_ms time) {
  if (valid(time)) give(time, from_rows(engine()->core(), rows(), {}));
}

}  // namespace millrace::detail
