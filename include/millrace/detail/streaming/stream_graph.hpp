// All streams of a context, from the inputs to the output operations.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "millrace/detail/dataset/kernel.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/detail/streaming/stream_node.hpp"

namespace millrace::detail {

/// What an output operation does with a batch's dataset; runs as a job of the batch.
struct output_function {
  function_state function;
  void (*run)(const void* function, const node_ptr& dataset, time_point_ms time);
  bool in_order = false;  // no batch can be done after a later one
  /// Once, after the last batch of a stream that did not fail. Null: nothing is to be done.
  void (*end)(const void* function, const std::string& application, time_point_ms last) = nullptr;
};

struct output_operation {
  output_operation(int number, stream_ptr stream, std::string_view what, output_function f,
                   const std::atomic<bool>* cancel)
      : id(number),
        from(std::move(stream)),
        operation(what),
        function(std::move(f)),
        lane(cancel) {}

  int id;  // from 0, in the order of registration
  stream_ptr from;
  std::string_view operation;  // "print"
  output_function function;
  job_lane lane;

  /// "output operation 0 (print)", for messages.
  std::string description() const;
};

/// Built by the program's thread; then generated from by one thread at a time.
class stream_graph {
 public:
  /// `cancel`: the jobs of output operations end when it becomes true.
  explicit stream_graph(const std::atomic<bool>* cancel) : cancel_(cancel) {}

  int next_input_id() { return next_input_++; }
  int coming_input_id() const { return next_input_; }
  void add_input(std::shared_ptr<input_stream> input);
  output_operation& add_output(stream_ptr from, std::string_view operation, output_function f);
  void remember(std::chrono::milliseconds at_least) { remember_ = at_least; }

  const std::vector<std::shared_ptr<input_stream>>& inputs() const { return inputs_; }
  const std::vector<std::unique_ptr<output_operation>>& outputs() const { return outputs_; }

  /// Fixes the graph. Batches come after `zero`.
  void start(time_point_ms zero);
  void open_inputs();
  void close_inputs() noexcept;
  /// Whether any input receives between batches.
  bool receives() const;
  void cut();
  /// Whether records wait for a batch. REQUIRES: inputs are closed.
  bool holds_records() const;

  /// Gives all that waits to the batch, as datasets of the inputs that outputs need, even if no
  /// output asks for them at this time (a window that slides by more); for each input how many
  /// records that are, -1: unknown.
  std::vector<std::int64_t> allocate(time_point_ms time);
  /// The same for a batch whose inputs were told what it reads, or that it reads nothing.
  void read_inputs(time_point_ms time);
  /// The streams that outputs need, and the inputs, in an order that the graph's shape decides.
  const std::vector<stream_node*>& used() const { return used_; }
  /// The streams that outputs need in which a batch follows from the one before.
  const std::vector<stream_node*>& with_state() const { return with_state_; }
  /// Drops datasets that no later batch needs, once this one is done. REQUIRES: nobody generates.
  void forget(time_point_ms done);
  /// Drops everything: handles in the program's functions may keep the context alive through it.
  void clear();

 private:
  const std::atomic<bool>* cancel_;
  int next_input_ = 0;
  std::chrono::milliseconds remember_{0};
  std::vector<std::shared_ptr<input_stream>> inputs_;
  std::vector<std::unique_ptr<output_operation>> outputs_;
  std::vector<stream_node*> used_;  // all that outputs need, and the inputs
  std::vector<input_stream*> used_inputs_;
  std::vector<stream_node*> with_state_;
};

}  // namespace millrace::detail
