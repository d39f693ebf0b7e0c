// save_as_object_file: encoded rows, to be read back by object_file.
#include "dataset/row_file.hpp"
#include "engine/actions/drain.hpp"
#include "engine/actions/save_parts.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

void save_as_object(const node_ptr& dataset, const std::string& path, bool overwrite,
                    std::string_view action) {
  struct saver {
    row_file_writer rows;
    task_context& task;
    std::string_view action;
  };
  save_parts(dataset, {action, path, overwrite},
             [&](task_context& task, int partition, output_file& file) {
               saver to{{file, dataset->rows()}, task, action};
               drain(task, *dataset, partition, {&to, [](void* self, const chunk& rows) {
                                                   auto& me = *static_cast<saver*>(self);
                                                   try {
                                                     me.rows.append(rows);
                                                   } catch (...) {
                                                     me.task.failed_in(me.action, -1);
                                                     throw;
                                                   }
                                                   return flow::more;
                                                 }});
               to.rows.finish();
             });
}

}  // namespace millrace::detail
