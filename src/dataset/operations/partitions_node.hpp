// A node whose rows one loop makes of whole partitions of its parents.
#pragma once

#include <memory>
#include <utility>

#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

class partitions_node : public node {
 public:
  partitions_node(facts f, function_state function, partition_loop run, bool hold)
      : node(std::move(f)), function_(std::move(function)), run_(run), hold_(hold) {}
  std::unique_ptr<cursor> open(int partition, task_context& task) const final;

 protected:
  /// Which partition of a parent is read for `partition`.
  virtual int parent_partition(int partition, std::size_t parent) const;

 private:
  function_state function_;
  partition_loop run_;
  bool hold_;
};

}  // namespace millrace::detail
