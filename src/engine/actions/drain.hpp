#pragma once

#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

/// Pushes a whole partition into a sink, as long as it wants more and the job is wanted.
inline void drain(task_context& task, const node& dataset, int partition, const sink& to) {
  const auto rows = task.open(dataset, partition);
  while (rows->step(to) == flow::more)
    if (task.cancelled()) return;
}

}  // namespace millrace::detail
