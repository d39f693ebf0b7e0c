// sort_by_key: rows to ranges of keys, each range sorted. Stable: equal keys keep the parent's
// order.
#include <algorithm>
#include <cstring>
#include <utility>

#include "dataset/row_shuffle.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

namespace {

/// Where a row lies and the first 8 bytes of its key's order.
struct item {
  std::uint64_t prefix;
  const char* row;
};

/// By prefix, stable: least significant byte first, bytes that are the same everywhere left out.
void radix_sort(std::vector<item>& items) {
  std::vector<std::uint32_t> counts(8 * 256);
  for (const item& x : items)
    for (int b = 0; b < 8; ++b)
      ++counts[static_cast<std::size_t>(b * 256) + (x.prefix >> (8 * b) & 255)];
  std::vector<item> other(items.size());
  for (int b = 0; b < 8; ++b) {
    std::uint32_t* count = counts.data() + b * 256;
    if (std::any_of(count, count + 256, [&](std::uint32_t c) { return c == items.size(); }))
      continue;
    std::uint32_t at = 0;
    for (int d = 0; d < 256; ++d) at += std::exchange(count[d], at);
    for (const item& x : items) other[count[x.prefix >> (8 * b) & 255]++] = x;
    items.swap(other);
  }
}

constexpr std::size_t worth_radix = 2048;

class sorted_cursor final : public cursor {
 public:
  sorted_cursor(row_runs runs, const row_type& rows, bool ascending, std::string_view operation,
                task_context& task)
      : runs_(std::move(runs)),
        rows_(rows),
        key_(*rows.field(0).type),
        key_at_(rows.field(0).offset),
        ascending_(ascending),
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
    items_.reserve(runs_.total);
    const sort_prefix prefix = sort_prefix_of(key_);
    const std::uint64_t flip = ascending_ ? 0 : ~std::uint64_t{0};
    for (const auto& run : runs_.runs) {
      const char* row = run.rows;
      for (std::size_t i = 0; i < run.count; ++i, row += rows_.size)
        items_.push_back({prefix.of != nullptr ? prefix.of(key_, row + key_at_) ^ flip : 0, row});
    }
    if (task_.cancelled()) return;
    try {
      if (prefix.of != nullptr && items_.size() >= worth_radix) {
        radix_sort(items_);
        if (!prefix.exact) sort_ties();
      } else {
        std::stable_sort(items_.begin(), items_.end(), [&](const item& a, const item& b) {
          return a.prefix != b.prefix ? a.prefix < b.prefix : !prefix.exact && less(a, b);
        });
      }
    } catch (...) {  // the key's own operator<
      task_.failed_in(operation_, -1);
      throw;
    }
  }

  bool less(const item& a, const item& b) const {
    const char* x = a.row + key_at_;
    const char* y = b.row + key_at_;
    return ascending_ ? less_rows(key_, x, y) : less_rows(key_, y, x);
  }

  void sort_ties() {
    for (std::size_t i = 0; i < items_.size();) {
      std::size_t j = i + 1;
      while (j < items_.size() && items_[j].prefix == items_[i].prefix) ++j;
      if (j - i > 1)
        std::stable_sort(items_.begin() + static_cast<std::ptrdiff_t>(i),
                         items_.begin() + static_cast<std::ptrdiff_t>(j),
                         [this](const item& a, const item& b) { return less(a, b); });
      i = j;
    }
  }

  row_runs runs_;
  const row_type& rows_;
  const row_type& key_;
  std::uint32_t key_at_;
  bool ascending_;
  std::string_view operation_;
  task_context& task_;
  std::vector<item> items_;
  row_buffer out_;
  std::size_t next_ = 0;
  bool sorted_ = false;
};

class sorted_node final : public node {
 public:
  sorted_node(facts f, bool ascending) : node(std::move(f)), ascending_(ascending) {}
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    return std::make_unique<sorted_cursor>(fetch_rows(*shuffles()[0], partition, task), rows(),
                                           ascending_, operation(), task);
  }

 private:
  bool ascending_;
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
