// union: the partitions of all, one after another.
#include <algorithm>
#include <utility>

#include "dataset/operations/chained_cursor.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/partitioner.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

namespace {
class union_node final : public node {
 public:
  union_node(context_ptr context, const row_type& rows, std::vector<node_ptr> from, int partitions)
      : node({std::move(context), &rows, "union_with", partitions, std::move(from), {}, nullptr}) {
    int end = 0;
    ends_.reserve(parents().size());
    for (const auto& p : parents()) ends_.push_back(end += p->partitions());
  }

  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    const node& parent = find(partition);
    return task.open(parent, partition);
  }
  std::unique_ptr<block_cursor> open_blocks(int partition, task_context& task) const override {
    const node& parent = find(partition);
    return task.open_blocks(parent, partition);
  }

 private:
  const node& find(int& partition) const {
    const auto end = std::upper_bound(ends_.begin(), ends_.end(), partition);
    const node& parent = *parents()[static_cast<std::size_t>(end - ends_.begin())];
    partition -= *end - parent.partitions();
    return parent;
  }

  std::vector<int> ends_;  // of each parent's partitions
};

/// Parents with one partitioner: partition i of all of them together, so that the partitioner
/// holds.
class aligned_union_node final : public node {
 public:
  using node::node;
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    std::vector<chained_cursor::part> parts;
    for (const auto& p : parents()) parts.push_back({p.get(), partition});
    return std::make_unique<chained_cursor>(std::move(parts), task);
  }
};
}  // namespace

node_ptr union_of(context_ptr context, const row_type& rows, std::vector<node_ptr> parents) {
  // One without partitions adds nothing, and must not keep the others from lying side by side.
  std::erase_if(parents, [](const node_ptr& p) { return p->partitions() == 0; });
  int partitions = 0;
  bool aligned = !parents.empty() && parents[0]->by_key() != nullptr;
  for (const auto& p : parents) {
    partitions += p->partitions();
    aligned = aligned && p->by_key() != nullptr && p->by_key()->same_as(*parents[0]->by_key());
  }
  if (aligned) {
    auto by = parents[0]->by_key();
    const int n = parents[0]->partitions();
    return std::make_shared<aligned_union_node>(node::facts{
        std::move(context), &rows, "union_with", n, std::move(parents), {}, std::move(by)});
  }
  return std::make_shared<union_node>(std::move(context), rows, std::move(parents), partitions);
}

}  // namespace millrace::detail
