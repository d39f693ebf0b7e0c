// The engine's row of a Python dataset.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "millrace/detail/dataset/node.hpp"
#include "millrace/detail/dataset/partitioner.hpp"

namespace millrace::python {

/// Where a frame goes: the hash by which Python partitions, or the number of a partition; and what
/// tells keys of one such hash apart (pyspark/partitioning.py).
using frame_place = std::pair<std::int64_t, std::int64_t>;
/// Many rows of the program, pickled together.
using frame = std::pair<frame_place, std::string_view>;

/// To the partition hash % partitions, as Python has it.
detail::partitioner_ptr by_hash_of_key(int partitions);
/// Every frame to the partition that its place names.
detail::node_ptr shuffled(const detail::node_ptr& parent, int partitions);

}  // namespace millrace::python
