// take: the first rows, reading no more partitions than it needs.
#include <algorithm>
#include <utility>

#include "engine/actions/drain.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

row_buffer take_rows(const node_ptr& dataset, std::int64_t n) {
  if (n < 0)
    throw usage_error("take: the number of rows must not be negative: " + std::to_string(n));
  row_buffer all(dataset->rows());
  const int partitions = dataset->partitions();
  int next = 0;
  for (int some = 1; next < partitions && static_cast<std::int64_t>(all.size()) < n; some *= 4) {
    const auto left = static_cast<std::size_t>(n) - all.size();
    std::vector<int> chosen;
    for (; next < partitions && static_cast<int>(chosen.size()) < some; ++next)
      chosen.push_back(next);
    auto results =
        run_job({dataset, chosen, "take",
                 [&dataset, left](task_context& task, int partition) -> task_result {
                   struct taker {
                     row_buffer rows;
                     std::size_t left;
                   };
                   auto t = std::make_shared<taker>(taker{row_buffer(dataset->rows()), left});
                   drain(task, *dataset, partition,
                         {t.get(), [](void* self, const chunk& rows) {
                            auto& to = *static_cast<taker*>(self);
                            const auto wanted = std::min<std::size_t>(to.left, rows.count);
                            to.rows.append(rows, wanted);
                            to.left -= wanted;
                            return to.left == 0 ? flow::enough : flow::more;
                          }});
                   return {t, &t->rows};
                 }});
    for (const auto& r : results) {
      auto& part = *static_cast<row_buffer*>(r.get());
      const auto wanted = static_cast<std::size_t>(n) - all.size();
      if (part.size() <= wanted) all.append(std::move(part));
      else all.append({part.data(), static_cast<std::uint32_t>(wanted), true});
    }
  }
  return all;
}

}  // namespace millrace::detail
