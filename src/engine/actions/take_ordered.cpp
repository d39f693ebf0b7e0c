// take_ordered, top: the first rows by an order, without sorting all.
#include <algorithm>
#include <numeric>
#include <utility>

#include "engine/actions/drain.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

/// Keeps the n first of all rows that it is given; of equal ones those that came first.
class first_rows {
 public:
  first_rows(const row_type& type, std::size_t n, const row_comparison& order)
      : rows_(type), n_(n), limit_(n + std::max<std::size_t>(n, chunk_rows)), order_(order) {}

  void add(const char* row, std::size_t count) {
    for (; count != 0; --count, row += rows_.type().size) {
      if (full_ && !order_.before(rows_.type(), row, rows_.row(n_ - 1))) continue;
      rows_.append({const_cast<char*>(row), 1, false});
      if (rows_.size() == limit_) sort();
    }
  }
  row_buffer take() {
    sort();
    return std::move(rows_);
  }

 private:
  void sort() {
    std::vector<std::size_t> order(rows_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
      return order_.before(rows_.type(), rows_.row(a), rows_.row(b));
    });
    order.resize(std::min(order.size(), n_));
    row_buffer sorted(rows_.type());
    sorted.reserve(order.size());
    for (const std::size_t i : order) sorted.append({rows_.row(i), 1, true});
    rows_ = std::move(sorted);
    full_ = rows_.size() == n_;
  }

  row_buffer rows_;  // the first n in order once full, then what came since
  std::size_t n_;
  std::size_t limit_;
  const row_comparison& order_;
  bool full_ = false;
};

/// One task's rows.
struct collector {
  first_rows first;
  std::string_view action;
  task_context& task;
  /// What fails here fails in the user's order, not in the operation before.
  template <class Work>
  auto run(Work work) {
    try {
      return work(first);
    } catch (...) {
      task.failed_in(action, -1);
      throw;
    }
  }
  static flow push(void* self, const chunk& rows) {
    static_cast<collector*>(self)->run(
        [&](first_rows& to) { to.add(static_cast<const char*>(rows.rows), rows.count); });
    return flow::more;
  }
};

}  // namespace

row_buffer take_ordered(const node_ptr& dataset, std::string_view action, std::int64_t n,
                        const row_comparison& order) {
  if (n < 0)
    throw usage_error(std::string(action) +
                      ": the number of rows must not be negative: " + std::to_string(n));
  if (n == 0) return row_buffer(dataset->rows());
  const auto wanted = static_cast<std::size_t>(n);
  const auto results = run_job(
      {dataset, all_partitions(*dataset), action,
       [&](task_context& task, int partition) -> task_result {
         collector c{first_rows(dataset->rows(), wanted, order), action, task};
         drain(task, *dataset, partition, {&c, collector::push});
         return std::make_shared<row_buffer>(c.run([](first_rows& all) { return all.take(); }));
       }});
  first_rows first(dataset->rows(), wanted, order);
  for (const auto& r : results) {
    const auto& part = *static_cast<const row_buffer*>(r.get());
    first.add(static_cast<const char*>(part.data()), part.size());
  }
  return first.take();
}

}  // namespace millrace::detail
