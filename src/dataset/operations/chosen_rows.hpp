// Operations that let some rows of a partition through, unchanged: samples, splits, ranges of keys.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "millrace/detail/dataset/node.hpp"

namespace millrace::detail {

/// Decides about the rows of one partition, in order. One task's.
class row_chooser {
 public:
  row_chooser() = default;
  row_chooser(const row_chooser&) = delete;
  row_chooser& operator=(const row_chooser&) = delete;
  virtual ~row_chooser() = default;
  /// How often each row goes on: 0, 1 or more.
  virtual void choose(const chunk& rows, std::uint32_t* times) = 0;
};

/// A node with one parent whose rows a chooser lets through.
class chosen_node : public node {
 public:
  using node::node;
  std::unique_ptr<cursor> open(int partition, task_context& task) const final;

 protected:
  virtual std::unique_ptr<row_chooser> chooser(int partition) const = 0;
  virtual int parent_partition(int partition) const { return partition; }
};

}  // namespace millrace::detail
