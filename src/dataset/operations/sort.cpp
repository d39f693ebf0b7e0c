// sort_by_key: rows to ranges of keys, each range sorted. Stable: equal keys keep the parent's
// order.
#include <algorithm>
#include <cstring>
#include <utility>

#include "dataset/prefix_sort.hpp"
#include "dataset/row_shuffle.hpp"
#include "dataset/row_sorter.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

namespace {

/// The order of sort_by_key, as both cursors need it.
struct key_order {
  key_order(const row_type& rows, bool up)
      : key(*rows.field(0).type),
        key_at(rows.field(0).offset),
        ascending(up),
        prefix(sort_prefix_of(key)) {}
  std::uint64_t prefix_of(const char* row) const {
    const std::uint64_t p = prefix.of != nullptr ? prefix.of(key, row + key_at) : 0;
    return ascending ? p : ~p;
  }
  bool less(const char* a, const char* b) const {
    return ascending ? less_rows(key, a + key_at, b + key_at)
                     : less_rows(key, b + key_at, a + key_at);
  }
  const row_type& key;
  std::uint32_t key_at;
  bool ascending;
  sort_prefix prefix;
};

/// Sorts places of rows, which stay where they are.
class sorted_cursor final : public cursor {
 public:
  sorted_cursor(row_runs runs, const row_type& rows, const key_order& order,
                std::string_view operation, task_context& task)
      : runs_(std::move(runs)),
        rows_(rows),
        order_(order),
        operation_(operation),
        task_(task),
        out_(rows) {}

  flow step(const sink& to) override {
    if (!sorted_) sort();
    const std::size_t n = std::min<std::size_t>(chunk_rows, items_.size() - next_);
    if (n == 0) return flow::enough;
    out_.clear();
    out_.reserve(n);
    for (std::size_t i = next_; i < next_ + n; ++i) {
      if (i + 16 < items_.size()) __builtin_prefetch(items_[i + 16].row);
      copy_rows(rows_, out_.place(), items_[i].row, 1);  // views stay: the runs hold their text
      out_.added();
    }
    next_ += n;
    const flow answer = to({out_.data(), static_cast<std::uint32_t>(n), true});
    return next_ == items_.size() ? flow::enough : answer;
  }

 private:
  void sort() {
    sorted_ = true;
    runs_.load(rows_);
    items_.reserve(runs_.total);
    for (const auto& run : runs_.runs) {
      const char* row = run.rows;
      for (std::size_t i = 0; i < run.count; ++i, row += rows_.size)
        items_.push_back({order_.prefix_of(row), row});
    }
    if (task_.cancelled()) return;
    if (order_.prefix.exact) return sort_by_prefix(items_);
    try {
      sort_by_prefix(items_, [this](const sort_item& a, const sort_item& b) {
        return order_.less(a.row, b.row);
      });
    } catch (...) {  // the key's own operator<
      task_.failed_in(operation_, -1);
      throw;
    }
  }

  row_runs runs_;
  const row_type& rows_;
  const key_order& order_;
  std::string_view operation_;
  task_context& task_;
  std::vector<sort_item> items_;
  row_buffer out_;
  std::size_t next_ = 0;
  bool sorted_ = false;
};

/// The same where the rows would take more than the task's share.
class spilling_sort_cursor final : public cursor {
 public:
  spilling_sort_cursor(row_runs runs, const row_type& rows, const key_order& order,
                       std::string_view operation, task_context& task)
      : runs_(std::move(runs)),
        rows_(rows),
        order_(order),
        task_(task),
        sorter_(rows, task, operation, task.memory().share, ties(order)) {}

  flow step(const sink& to) override {
    if (!added_) add();
    if (task_.cancelled() || !sorter_.next()) return flow::enough;
    auto& rows = sorter_.rows();
    return to({rows.data(), static_cast<std::uint32_t>(rows.size()), true});
  }

 private:
  static std::optional<tie_order> ties(const key_order& order) {
    if (order.prefix.exact) return std::nullopt;
    return tie_order{&order.key, order.key_at, order.ascending};
  }

  void add() {
    added_ = true;
    row_order orders[chunk_capacity];
    runs_reader from(runs_, rows_);
    while (!task_.cancelled() && from.next()) {
      for (std::uint32_t i = 0; i < from.count(); ++i)
        orders[i].major = order_.prefix_of(from.data() + std::size_t{i} * rows_.size);
      sorter_.add(from.data(), from.count(), orders);
    }
    runs_ = {};
  }

  row_runs runs_;
  const row_type& rows_;
  const key_order& order_;
  task_context& task_;
  row_sorter sorter_;
  bool added_ = false;
};

class sorted_node final : public node {
 public:
  sorted_node(facts f, bool ascending) : node(std::move(f)), order_(rows(), ascending) {}
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    row_runs runs = fetch_rows(*shuffles()[0], partition, task);
    if (runs.bytes + runs.total * 2 * sizeof(sort_item) <= task.memory().share)
      return std::make_unique<sorted_cursor>(std::move(runs), rows(), order_, operation(), task);
    return std::make_unique<spilling_sort_cursor>(std::move(runs), rows(), order_, operation(),
                                                  task);
  }

 private:
  key_order order_;
};

}  // namespace

node_ptr sort_partitions(const node_ptr& parent, std::string_view operation, partitioner_ptr by,
                         bool ascending) {
  return std::make_shared<sorted_node>(
      node::facts{parent->context(),
                  &parent->rows(),
                  operation,
                  by->partitions,
                  {},
                  {std::make_shared<row_shuffle>(parent, by->partitions, by)},
                  by},
      ascending);
}

}  // namespace millrace::detail
