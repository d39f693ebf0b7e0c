// collect: all rows, in partition order.
#include <utility>

#include "engine/actions/drain.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

row_buffer collect_rows(const node_ptr& dataset, std::vector<int> partitions,
                        std::string_view action) {
  const auto results = run_job({dataset, std::move(partitions), action,
                                [&dataset](task_context& task, int partition) -> task_result {
                                  auto rows = std::make_shared<row_buffer>(dataset->rows());
                                  drain(task, *dataset, partition, rows->collector());
                                  return rows;
                                }});
  row_buffer all(dataset->rows());
  std::size_t total = 0;
  for (const auto& r : results) total += static_cast<const row_buffer*>(r.get())->size();
  for (const auto& r : results) {
    auto& part = *static_cast<row_buffer*>(r.get());
    if (part.empty()) continue;
    if (!all.empty()) all.reserve(total);
    all.append(std::move(part));
  }
  return all;
}

row_buffer collect_rows(const node_ptr& dataset) {
  return collect_rows(dataset, all_partitions(*dataset), "collect");
}

}  // namespace millrace::detail
