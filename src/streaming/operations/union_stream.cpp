#include "millrace/detail/streaming/operations.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

struct parent_count {
  std::size_t parents;
};

}  // namespace

stream_ptr union_stream(std::vector<stream_ptr> parents) {
  if (parents.empty()) throw usage_error("union_of: there must be at least one stream");
  const row_type& rows = parents[0]->rows();
  const std::size_t count = parents.size();
  return derived_stream(std::move(parents), rows, "union_with",
                        {keep_function(parent_count{count}),
                         [](const void* function, const node_ptr* parents_now, time_point_ms) {
                           const std::size_t n = function_in<parent_count>(function).parents;
                           return union_of(parents_now[0]->context(), parents_now[0]->rows(),
                                           std::vector<node_ptr>(parents_now, parents_now + n));
                         }},
                        missing_parent::is_an_error);
}

}  // namespace millrace::detail
