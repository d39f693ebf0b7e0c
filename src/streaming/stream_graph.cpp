#include "millrace/detail/streaming/stream_graph.hpp"

#include <algorithm>
#include <unordered_set>

namespace millrace::detail {

std::string output_operation::description() const {
  std::string text = "output operation " + std::to_string(id) + " (" + std::string(operation);
  if (from->name() != from->operation()) text += " of " + from->name();
  return text + ")";
}

void stream_graph::add_input(std::shared_ptr<input_stream> input) {
  inputs_.push_back(std::move(input));
}

output_operation& stream_graph::add_output(stream_ptr from, std::string_view operation,
                                           output_function f) {
  const int id = static_cast<int>(outputs_.size());
  outputs_.push_back(
      std::make_unique<output_operation>(id, std::move(from), operation, std::move(f), cancel_));
  return *outputs_.back();
}

void stream_graph::start(time_point_ms zero) {
  // A stack of our own: a graph may be deep.
  std::unordered_set<stream_node*> seen;
  std::vector<stream_node*> todo;
  const auto visit = [&] {
    while (!todo.empty()) {
      stream_node* const node = todo.back();
      todo.pop_back();
      if (!seen.insert(node).second) continue;
      used_.push_back(node);
      if (node->has_state()) with_state_.push_back(node);
      node->start(zero);
      for (const stream_ptr& parent : node->parents()) todo.push_back(parent.get());
    }
  };
  for (const auto& output : outputs_) todo.push_back(output->from.get());
  visit();
  for (const auto& input : inputs_) {
    if (seen.contains(input.get())) used_inputs_.push_back(input.get());
    todo.push_back(input.get());
  }
  visit();
  for (stream_node* const node : used_) node->remember(remember_);
}

void stream_graph::open_inputs() {
  for (const auto& input : inputs_) input->open();
}

void stream_graph::close_inputs() noexcept {
  for (const auto& input : inputs_) input->close();
}

bool stream_graph::receives() const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [](const auto& input) { return input->receives(); });
}

void stream_graph::cut() {
  for (const auto& input : inputs_) input->cut();
}

bool stream_graph::holds_records() const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [](const auto& input) { return input->holds_records(); });
}

std::vector<std::int64_t> stream_graph::allocate(time_point_ms time) {
  std::vector<std::int64_t> records;
  records.reserve(inputs_.size());
  for (const auto& input : inputs_) records.push_back(input->allocate(time));
  read_inputs(time);
  return records;
}

void stream_graph::read_inputs(time_point_ms time) {
  for (input_stream* const input : used_inputs_) input->dataset(time);
}

void stream_graph::forget(time_point_ms done) {
  for (stream_node* const node : used_) node->forget(done);
}

void stream_graph::clear() {
  // Nodes hold datasets, and state, for their handles may live on.
  for (stream_node* const node : used_) node->clear();
  used_.clear();
  used_inputs_.clear();
  with_state_.clear();
  outputs_.clear();
  inputs_.clear();
}

}  // namespace millrace::detail
