// repartition and partition_by: whole rows to other partitions.
#include <algorithm>
#include <utility>

#include "dataset/row_shuffle.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

class runs_cursor final : public cursor {
 public:
  runs_cursor(row_runs runs, const row_type& rows) : runs_(std::move(runs)), from_(runs_, rows) {}
  flow step(const sink& to) override {
    if (!from_.next()) return flow::enough;
    // Shuffled rows in memory are read again by a retry: not movable.
    const flow answer = to({const_cast<char*>(from_.data()), from_.count(), from_.movable()});
    return from_.last() ? flow::enough : answer;
  }

 private:
  row_runs runs_;
  runs_reader from_;
};

class repartitioned_node final : public node {
 public:
  explicit repartitioned_node(facts f) : node(std::move(f)) {}
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    return std::make_unique<runs_cursor>(fetch_rows(*shuffles()[0], partition, task), rows());
  }
};

}  // namespace

node_ptr repartition(const node_ptr& parent, int partitions) {
  if (partitions < 1)
    throw usage_error("repartition: the number of partitions must be positive: " +
                      std::to_string(partitions));
  return std::make_shared<repartitioned_node>(
      node::facts{parent->context(),
                  &parent->rows(),
                  "repartition",
                  partitions,
                  {},
                  {std::make_shared<row_shuffle>(parent, partitions, nullptr)},
                  nullptr});
}

node_ptr partition_by(const node_ptr& parent, partitioner_ptr by) {
  if (parent->by_key() != nullptr && parent->by_key()->same_as(*by)) return parent;
  return std::make_shared<repartitioned_node>(
      node::facts{parent->context(),
                  &parent->rows(),
                  "partition_by",
                  by->partitions,
                  {},
                  {std::make_shared<row_shuffle>(parent, by->partitions, by)},
                  by});
}

}  // namespace millrace::detail
