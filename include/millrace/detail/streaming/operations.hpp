// The untyped operations that streams are built from. Each lives in src/streaming/operations/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/dataset/aggregator.hpp"
#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/streaming/stream_graph.hpp"
#include "millrace/detail/streaming/stream_node.hpp"

namespace millrace::detail {

// ---- operations

/// The same step on every dataset.
stream_ptr narrow_stream(const stream_ptr& parent, const narrow_step& step);

/// Makes the dataset of a time from the parents' datasets of that time (as many as parents).
struct dataset_function {
  function_state function;
  node_ptr (*make)(const void* function, const node_ptr* parents, time_point_ms time);
};
/// What becomes of a time at which a parent has no dataset.
enum class missing_parent : unsigned char { gives_none, is_an_error };
stream_ptr derived_stream(std::vector<stream_ptr> parents, const row_type& rows,
                          std::string_view operation, dataset_function f, missing_parent missing);

/// Pairs (or keys alone) combined by key within each batch.
stream_ptr aggregate_stream(const stream_ptr& parent, const row_type& rows,
                            std::string_view operation, aggregator a, partitioner_ptr by);
/// One std::int64_t a batch, 0 for an empty one.
stream_ptr count_stream(const stream_ptr& parent);
stream_ptr union_stream(std::vector<stream_ptr> parents);

/// How many partitions operations by key get in this stream's context.
int default_parallelism(const stream_ptr& stream);

/// See stream_engine::slice.
std::vector<node_ptr> slice_of(const stream_ptr& stream, time_point_ms from, time_point_ms to);

/// usage_error once the stream's context has started or is gone.
void check_building(const stream_ptr& stream, std::string_view what);

// ---- inputs

/// The same dataset every batch.
stream_ptr constant_stream(const stream_engine_ptr& engine, node_ptr dataset);

/// Datasets that wait for a batch. Any thread.
class dataset_queue {
 public:
  dataset_queue();
  ~dataset_queue();
  void push(node_ptr dataset);
  /// Null: empty.
  node_ptr pop();
  std::vector<node_ptr> take_all();
  std::size_t size() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};
/// `fallback` (null: an empty dataset) is what a batch gets that finds the queue empty.
stream_ptr queue_stream(const stream_engine_ptr& engine, const row_type& rows,
                        std::shared_ptr<dataset_queue> queue, bool one_at_a_time,
                        node_ptr fallback);

// ---- outputs

void add_output(const stream_ptr& from, std::string_view operation, output_function f);
void print_stream(const stream_ptr& from, std::int64_t rows);
void save_stream_as_text(const stream_ptr& from, std::string prefix, std::string suffix);
void save_stream_as_object(const stream_ptr& from, std::string prefix, std::string suffix);

/// `prefix-TIME_IN_MS[.suffix]`; without a prefix `TIME_IN_MS[.suffix]`.
std::string batch_path(std::string_view prefix, std::string_view suffix, time_point_ms time);

}  // namespace millrace::detail
