// cartesian: every row of one dataset with every row of another.
#include <limits>
#include <string>
#include <utility>

#include "dataset/operations/partitions_node.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {
class crossed_node final : public partitions_node {
 public:
  using partitions_node::partitions_node;

 protected:
  int parent_partition(int partition, std::size_t parent) const override {
    const int right = parents()[1]->partitions();
    return parent == 0 ? partition / right : partition % right;
  }
};
}  // namespace

node_ptr cross_partitions(const node_ptr& left, const node_ptr& right, const row_type& rows,
                          std::string_view operation, partition_loop run) {
  const auto n = std::int64_t{left->partitions()} * right->partitions();
  if (n > std::numeric_limits<int>::max())
    throw usage_error(std::string(operation) +
                      ": the result would have too many partitions, coalesce one side: " +
                      std::to_string(left->partitions()) + " times " +
                      std::to_string(right->partitions()));
  return std::make_shared<crossed_node>(
      node::facts{
          left->context(), &rows, operation, static_cast<int>(n), {left, right}, {}, nullptr},
      function_state(), run, false);
}

}  // namespace millrace::detail
