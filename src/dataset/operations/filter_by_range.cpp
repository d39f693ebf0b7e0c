// filter_by_range: pairs whose key lies between two others.
#include <algorithm>
#include <utility>

#include "dataset/operations/chosen_rows.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/partitioner.hpp"

namespace millrace::detail {

namespace {

class range_chooser final : public row_chooser {
 public:
  range_chooser(const row_type& rows, const void* low, const void* high)
      : rows_(rows), low_(low), high_(high) {}
  void choose(const chunk& rows, std::uint32_t* times) override {
    const row_type& type = *rows_.field(0).type;
    const char* key = static_cast<const char*>(rows.rows) + rows_.field(0).offset;
    for (std::uint32_t i = 0; i < rows.count; ++i, key += rows_.size)
      times[i] = less_rows(type, key, low_) || less_rows(type, high_, key) ? 0 : 1;
  }

 private:
  const row_type& rows_;
  const void* low_;
  const void* high_;
};

class range_of_keys_node final : public chosen_node {
 public:
  range_of_keys_node(facts f, row_buffer ends, int first)
      : chosen_node(std::move(f)), ends_(std::move(ends)), first_(first) {}

 protected:
  std::unique_ptr<row_chooser> chooser(int) const override {
    return std::make_unique<range_chooser>(rows(), ends_.row(0), ends_.row(1));
  }
  int parent_partition(int partition) const override { return first_ + partition; }

 private:
  row_buffer ends_;
  int first_;  // partitions of the parent before it have none of these keys
};

}  // namespace

node_ptr filter_by_range(const node_ptr& parent, row_buffer ends) {
  node::facts f{parent->context(),    &parent->rows(), "filter_by_range",
                parent->partitions(), {parent},        {},
                parent->by_key()};
  int first = 0;
  const auto& by = parent->by_key();
  if (by != nullptr && by->by_range()) {
    const int a = partition_of(*by, ends.row(0));
    const int b = partition_of(*by, ends.row(1));
    first = std::min(a, b);
    const int count = std::max(a, b) - first + 1;
    if (count != f.partitions) f.by_key = nullptr;  // its numbers are others now
    f.partitions = count;
  }
  return std::make_shared<range_of_keys_node>(std::move(f), std::move(ends), first);
}

}  // namespace millrace::detail
