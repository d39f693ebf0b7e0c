#include "millrace/error.hpp"
#include "millrace/rdd.hpp"

namespace millrace {

detail::partitioner_ptr range_partitioner::make(int partitions, const detail::node_ptr& sample,
                                                bool ascending) {
  if (partitions < 1)
    throw usage_error("range_partitioner: the number of partitions must be positive: " +
                      std::to_string(partitions));
  return detail::range_partitioner_for(*sample->rows().field(0).type,
                                       detail::range_bounds(sample, partitions), ascending);
}

}  // namespace millrace
