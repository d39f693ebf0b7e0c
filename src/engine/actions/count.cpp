// count: how many rows there are.
#include "engine/actions/drain.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

std::int64_t count_rows(const node_ptr& dataset) {
  const auto results = run_job({dataset, all_partitions(*dataset), "count",
                                [&dataset](task_context& task, int partition) -> task_result {
                                  auto n = std::make_shared<std::int64_t>(0);
                                  drain(task, *dataset, partition,
                                        {n.get(), [](void* self, const chunk& rows) {
                                           *static_cast<std::int64_t*>(self) += rows.count;
                                           return flow::more;
                                         }});
                                  return n;
                                }});
  std::int64_t total = 0;
  for (const auto& r : results) total += *static_cast<const std::int64_t*>(r.get());
  return total;
}

}  // namespace millrace::detail
