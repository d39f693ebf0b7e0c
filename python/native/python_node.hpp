// Datasets of Python rows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/node.hpp"
#include "worker_pool.hpp"

namespace millrace::python {

/// A row of a Python dataset, for the engine: many rows of the program, pickled together, and the
/// partition that a shuffle sends them to (0 where there is none to come).
using frame = std::pair<std::int32_t, std::string_view>;

/// What a partition reads: for each input of its function, partitions of parents, one after
/// another.
struct parent_partition {
  int parent;
  int partition;
};
using partition_inputs = std::vector<std::vector<parent_partition>>;

/// A dataset whose partitions are made by a Python function in a worker. Parents are datasets of
/// frames, or of text. `inputs`: one for each partition; none at all: partition p reads partition p
/// of the only parent. `together`: all its tasks run at the same time.
detail::node_ptr python_node(detail::context_ptr context, std::shared_ptr<worker_pool> workers,
                             std::string_view operation, std::string function,
                             std::vector<detail::node_ptr> parents,
                             std::vector<partition_inputs> inputs, bool together);

/// Every frame to the partition that it names.
detail::node_ptr shuffled(const detail::node_ptr& parent, int partitions);

}  // namespace millrace::python
