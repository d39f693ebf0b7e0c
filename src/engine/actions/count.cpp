// count: how many rows there are.
#include <numeric>

#include "engine/actions/drain.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

std::vector<std::int64_t> count_partitions(const node_ptr& dataset, std::vector<int> partitions,
                                           std::string_view action) {
  const auto results = run_job({dataset, std::move(partitions), action,
                                [&dataset](task_context& task, int partition) -> task_result {
                                  auto n = std::make_shared<std::int64_t>(0);
                                  drain(task, *dataset, partition,
                                        {n.get(), [](void* self, const chunk& rows) {
                                           *static_cast<std::int64_t*>(self) += rows.count;
                                           return flow::more;
                                         }});
                                  return n;
                                }});
  std::vector<std::int64_t> counts;
  for (const auto& r : results) counts.push_back(*static_cast<const std::int64_t*>(r.get()));
  return counts;
}

std::int64_t count_rows(const node_ptr& dataset) {
  const auto counts = count_partitions(dataset, all_partitions(*dataset), "count");
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

std::vector<std::int64_t> row_positions(const node_ptr& dataset, std::string_view action) {
  std::vector<std::int64_t> starts{0};
  auto all_but_the_last = all_partitions(*dataset);
  if (all_but_the_last.size() < 2) return starts;
  all_but_the_last.pop_back();
  for (const auto n : count_partitions(dataset, std::move(all_but_the_last), action))
    starts.push_back(starts.back() + n);
  return starts;
}

}  // namespace millrace::detail
