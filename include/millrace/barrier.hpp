// Tasks that meet: what functions after rdd::barrier() may ask.
#pragma once

#include <string>
#include <vector>

namespace millrace {

namespace detail {
class gathering;
}

/// The tasks of a stage after `rdd::barrier()`, which run at the same time. `current()` is called
/// in one of them; the handle is used on its thread, while it runs.
///
///     model.barrier().map_partitions([](mr::partition_rows<double>& rows) {
///       const auto tasks = mr::barrier_tasks::current();
///       const auto sums = tasks.all_gather(std::to_string(sum_of(rows)));  // one a task
///       …
class barrier_tasks {
 public:
  /// Of the task that the calling thread runs. Throws usage_error where it is not one after a
  /// barrier.
  static barrier_tasks current();

  int partition() const { return partition_; }
  int partitions() const;
  /// Returns when all tasks have come here. All of them must make the same calls in the same
  /// order. Throws, in all others, when one of them fails.
  void wait() const;
  /// The same, and brings what each task said, by partition.
  std::vector<std::string> all_gather(std::string text) const;

 private:
  barrier_tasks(detail::gathering& all, int partition) : all_(&all), partition_(partition) {}
  detail::gathering* all_;
  int partition_;
};

}  // namespace millrace
