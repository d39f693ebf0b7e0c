// barrier: the same rows, in tasks that run at the same time.
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

namespace {
class barrier_node final : public node {
 public:
  using node::node;
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    return task.open(*parents()[0], partition);
  }
};
}  // namespace

node_ptr barrier(const node_ptr& parent) {
  node::facts f{parent->context(), &parent->rows(),
                "barrier",         parent->partitions(),
                {parent},          {},
                parent->by_key(),  true};
  return std::make_shared<barrier_node>(std::move(f));
}

}  // namespace millrace::detail
