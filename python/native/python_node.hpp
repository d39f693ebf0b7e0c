// Datasets of Python rows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "frame.hpp"
#include "millrace/detail/dataset/node.hpp"
#include "worker_pool.hpp"

namespace millrace::python {

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

}  // namespace millrace::python
