// reduce, fold, aggregate: each partition to one row at most.
#include <utility>

#include "engine/actions/drain.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

row_buffer fold_partitions(const node_ptr& dataset, std::string_view action, const partition_fold& f) {
  struct folder {
    const partition_fold& fold;
    row_buffer to;
    step_state at{};
  };
  const auto results = run_job(
      {dataset, all_partitions(*dataset), action,
       [&](task_context& task, int partition) -> task_result {
         auto folding = std::make_shared<folder>(folder{f, row_buffer(*f.result)});
         try {
           // The first chunk may be empty: a fold starts from its zero even in an empty partition.
           f.loop(f.function.get(), folding->to, {nullptr, 0, false}, folding->at);
           drain(task, *dataset, partition, {folding.get(), [](void* self, const chunk& rows) {
                   auto& me = *static_cast<folder*>(self);
                   me.fold.loop(me.fold.function.get(), me.to, rows, me.at);
                   me.at.rows_before += rows.count;
                   return flow::more;
                 }});
         } catch (...) {
           if (folding->at.failed_row >= 0) task.failed_in(action, folding->at.failed_row);
           throw;
         }
         return {folding, &folding->to};
       }});
  row_buffer all(*f.result);
  for (const auto& r : results) all.append(std::move(*static_cast<row_buffer*>(r.get())));
  return all;
}

}  // namespace millrace::detail
