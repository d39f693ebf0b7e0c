// coalesce: fewer partitions, made of neighbours; nothing is moved.
#include <string>
#include <utility>

#include "dataset/operations/chained_cursor.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {
class coalesced_node final : public node {
 public:
  using node::node;
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    const node& parent = *parents()[0];
    std::vector<chained_cursor::part> parts;
    for (int p = first_of(partition); p < first_of(partition + 1); ++p)
      parts.push_back({&parent, p});
    return std::make_unique<chained_cursor>(std::move(parts), task);
  }

 private:
  int first_of(int partition) const {
    return static_cast<int>(std::int64_t{partition} * parents()[0]->partitions() / partitions());
  }
};
}  // namespace

node_ptr coalesce(const node_ptr& parent, int partitions) {
  if (partitions < 1)
    throw usage_error("coalesce: the number of partitions must be positive: " +
                      std::to_string(partitions));
  if (partitions >= parent->partitions()) return parent;
  return std::make_shared<coalesced_node>(node::facts{
      parent->context(), &parent->rows(), "coalesce", partitions, {parent}, {}, nullptr});
}

}  // namespace millrace::detail
