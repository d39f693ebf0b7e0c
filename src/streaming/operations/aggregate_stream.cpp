#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/streaming/operations.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"

namespace millrace::detail {
namespace {

/// One partitioner for all batches, so that what is joined later is partitioned alike.
struct aggregation {
  const row_type* rows;
  std::string_view operation;
  aggregator by_key;
  partitioner_ptr by;
};

}  // namespace

int default_parallelism(const stream_ptr& stream) {
  return stream->engine()->core()->default_parallelism();
}

stream_ptr aggregate_stream(const stream_ptr& parent, const row_type& rows,
                            std::string_view operation, aggregator a, partitioner_ptr by) {
  return derived_stream({parent}, rows, operation,
                        {keep_function(aggregation{&rows, operation, std::move(a), std::move(by)}),
                         [](const void* function, const node_ptr* parents, time_point_ms) {
                           const auto& f = function_in<aggregation>(function);
                           return aggregate_by_key(parents[0], *f.rows, f.operation, f.by_key,
                                                   f.by);
                         }},
                        missing_parent::gives_none);
}

}  // namespace millrace::detail
