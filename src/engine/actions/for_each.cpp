// for_each: a function over all rows, for its effects.
#include "engine/actions/drain.hpp"
#include "millrace/detail/dataset/pace.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

void for_each_chunk(const node_ptr& dataset, std::string_view action, const kernel& k) {
  struct runner {
    const kernel& k;
    std::string_view action;
    task_context& task;
    std::uint32_t row_size;
    step_state at{};
    pace pieces{};
  };
  run_job({dataset, all_partitions(*dataset), action,
           [&](task_context& task, int partition) -> task_result {
             runner r{k, action, task, dataset->rows().size};
             r.at.function = k.function.get();
             drain(task, *dataset, partition,
                   {&r, [](void* self, const chunk& rows) {
                      auto& me = *static_cast<runner*>(self);
                      return me.pieces.run(rows, me.row_size, me.task, [&me](const chunk& piece) {
                        const activity_scope doing(me.task, me.action, me.at.rows_before);
                        try {
                          const flow answer = me.k.run(me.at, piece);
                          me.at.rows_before += piece.count;
                          return answer;
                        } catch (...) {
                          me.task.failed_in(me.action, me.at.failed_row);
                          throw;
                        }
                      });
                    }});
             return nullptr;
           }});
}

}  // namespace millrace::detail
