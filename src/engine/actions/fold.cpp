// reduce, fold, aggregate: each partition to one row at most.
#include <utility>

#include "engine/actions/drain.hpp"
#include "millrace/detail/dataset/pace.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

row_buffer fold_partitions(const node_ptr& dataset, std::string_view action,
                           const partition_fold& f) {
  struct folder {
    const partition_fold& fold;
    std::string_view action;
    task_context& task;
    row_buffer to;
    std::uint32_t row_size;
    step_state at{};
    pace pieces{};
  };
  const auto results = run_job(
      {dataset, all_partitions(*dataset), action,
       [&](task_context& task, int partition) -> task_result {
         auto folding = std::make_shared<folder>(
             folder{f, action, task, row_buffer(*f.result), dataset->rows().size});
         // The first chunk may be empty: a fold starts from its zero even in an empty
         // partition.
         f.loop(f.function.get(), folding->to, {nullptr, 0, false}, folding->at);
         drain(task, *dataset, partition,
               {folding.get(), [](void* self, const chunk& rows) {
                  auto& me = *static_cast<folder*>(self);
                  return me.pieces.run(rows, me.row_size, me.task, [&me](const chunk& piece) {
                    const activity_scope doing(me.task, me.action, me.at.rows_before);
                    try {
                      me.fold.loop(me.fold.function.get(), me.to, piece, me.at);
                    } catch (...) {
                      me.task.failed_in(me.action, me.at.failed_row);
                      throw;
                    }
                    me.at.rows_before += piece.count;
                    return flow::more;
                  });
                }});
         return {folding, &folding->to};
       }});
  row_buffer all(*f.result);
  for (const auto& r : results) all.append(std::move(*static_cast<row_buffer*>(r.get())));
  return all;
}

}  // namespace millrace::detail
