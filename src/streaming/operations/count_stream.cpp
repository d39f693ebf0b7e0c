#include <functional>

#include "millrace/detail/streaming/operations.hpp"

namespace millrace::detail {
namespace {

// Everything is counted under one key.
using counted = std::pair<char, std::int64_t>;

/// How many rows a chunk has, whatever they are.
flow count_loop(step_state& step, const chunk& in) {
  output<counted> out(step, in);
  out.at = in.count;
  out.put('\0', std::int64_t{in.count});
  return out.flush();
}

/// A zero that is counted too: an empty batch gives 0, and not nothing.
struct with_zero {
  row_buffer_ptr zero;
};

}  // namespace

stream_ptr count_stream(const stream_ptr& parent) {
  const row_type& rows = row_type_of<counted>();
  const stream_ptr counts = narrow_stream(parent, {&rows, "count", {{}, count_loop}});

  auto zero = std::make_shared<row_buffer>(rows);
  ::new (zero->place()) counted('\0', 0);
  zero->added();
  const stream_ptr zeroed = derived_stream(
      {counts}, rows, "count",
      {keep_function(with_zero{std::move(zero)}),
       [](const void* function, const node_ptr* parents, time_point_ms) {
         const context_ptr& context = parents[0]->context();
         return union_of(context, parents[0]->rows(),
                         {parents[0], from_rows(context, parents[0]->rows(),
                                                {function_in<with_zero>(function).zero})});
       }},
      missing_parent::is_an_error);

  const stream_ptr sum =
      aggregate_stream(zeroed, rows, "count", reduce_aggregator<char, std::int64_t>(std::plus<>{}),
                       hash_partitioner_for(row_type_of<char>(), 1));
  return narrow_stream(sum, [] {
    auto step = map_step<counted>([](const counted& row) { return row.second; });
    step.operation = "count";
    return step;
  }());
}

}  // namespace millrace::detail
