// write: each partition to a function that takes it out of the engine.
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

std::vector<task_result> write_partitions(const node_ptr& dataset, const void* self,
                                          partition_writer write) {
  return run_job({dataset, all_partitions(*dataset), "write",
                  [&](task_context& task, int partition) -> task_result {
                    try {
                      partition_input rows(task.open(*dataset, partition), dataset->rows(), false,
                                           task);
                      return write(self, partition, task.attempt(), rows);
                    } catch (...) {
                      task.failed_in("write", -1);
                      throw;
                    }
                  }});
}

}  // namespace millrace::detail
