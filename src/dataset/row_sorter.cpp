#include "dataset/row_sorter.hpp"

#include <algorithm>
#include <utility>

#include "dataset/heap_bytes.hpp"
#include "dataset/prefix_sort.hpp"

namespace millrace::detail {

namespace {
// What a row costs beside itself: its order, and its place while it is sorted.
constexpr std::size_t beside = sizeof(row_order) + 2 * sizeof(sort_item) + sizeof(std::uint32_t);
}  // namespace

row_sorter::row_sorter(const row_type& rows, task_context& task, std::string_view operation,
                       std::size_t share, std::optional<tie_order> ties)
    : type_(rows),
      task_(task),
      operation_(operation),
      share_(share),
      ties_(ties),
      held_(rows),
      out_(rows) {}

void row_sorter::add(const void* rows, std::size_t n, const row_order* orders) {
  const char* row = static_cast<const char*>(rows);
  const std::size_t a_row = type_.size + beside;
  while (n != 0) {
    const std::size_t some = std::min<std::size_t>(n, chunk_rows);
    if (!held_.empty() && (held_.size() + some) * a_row + held_.texts().bytes() + heap_ > share_)
      cut_run();
    // Doubling, but not past what the share has room for.
    const std::size_t wanted = held_.size() + some;
    if (wanted > held_.capacity())
      held_.reserve(std::max(wanted, std::min(held_.capacity() * 2, share_ / a_row)));
    held_.append({const_cast<char*>(row), static_cast<std::uint32_t>(some), false});
    orders_.insert(orders_.end(), orders, orders + some);
    heap_ += heap_bytes(type_, row, some);
    row += some * type_.size;
    orders += some;
    n -= some;
  }
}

void row_sorter::add_sorted(const void* rows, std::size_t n, const row_order* orders) {
  if (!run_) run_.emplace(type_, task_.memory().disk, true);
  run_->append(rows, n, orders);
}

void row_sorter::end_run() {
  if (!run_) return;
  run_->finish();
  task_.spilled(operation_, run_->rows(), run_->bytes());
  runs_.push_back(std::move(*run_));
  run_.reset();
}

void row_sorter::sort() {
  std::vector<sort_item> items;
  items.reserve(held_.size());
  for (std::size_t i = 0; i < held_.size(); ++i)
    items.push_back({orders_[i].major, static_cast<const char*>(held_.row(i))});
  if (ties_) {
    const row_type& key = *ties_->key;
    const std::uint32_t at = ties_->key_at;
    try {
      if (ties_->ascending)
        sort_by_prefix(items, [&](const sort_item& a, const sort_item& b) {
          return less_rows(key, a.row + at, b.row + at);
        });
      else
        sort_by_prefix(items, [&](const sort_item& a, const sort_item& b) {
          return less_rows(key, b.row + at, a.row + at);
        });
    } catch (...) {  // the key's own operator<
      task_.failed_in(operation_, -1);
      throw;
    }
  } else {
    sort_by_prefix(items);
  }
  sorted_.clear();
  sorted_.reserve(items.size());
  const char* first = static_cast<const char*>(held_.data());
  for (const sort_item& i : items)
    sorted_.push_back(
        static_cast<std::uint32_t>(static_cast<std::size_t>(i.row - first) / type_.size));
}

void row_sorter::cut_run() {
  sort();
  for (const std::uint32_t i : sorted_) add_sorted(held_.row(i), 1, &orders_[i]);
  end_run();
  held_.clear();
  held_.texts().clear();
  orders_.clear();
  heap_ = 0;
}

void row_sorter::start() {
  started_ = true;
  end_run();
  if (runs_.empty()) return sort();
  if (!held_.empty()) cut_run();
  held_ = row_buffer(type_);
  orders_ = {};
  sorted_ = {};
  for (const auto& run : runs_) {
    auto s = std::make_unique<source>(run);
    s->number = heap_of_runs_.size();
    if (s->from.next()) heap_of_runs_.push_back(std::move(s));
  }
  for (std::size_t i = heap_of_runs_.size() / 2; i-- > 0;) sink_down(i);
}

bool row_sorter::before(const source& a, const source& b) {
  const std::uint64_t x = a.from.orders()[a.at].major;
  const std::uint64_t y = b.from.orders()[b.at].major;
  if (x != y) return x < y;
  if (ties_) {
    const auto* p = static_cast<const char*>(a.from.rows().row(a.at)) + ties_->key_at;
    const auto* q = static_cast<const char*>(b.from.rows().row(b.at)) + ties_->key_at;
    if (!ties_->ascending) std::swap(p, q);
    if (less_rows(*ties_->key, p, q)) return true;
    if (less_rows(*ties_->key, q, p)) return false;
    // Equal: the earlier run, whichever way keys go.
  }
  return a.number < b.number;
}

void row_sorter::sink_down(std::size_t at) {
  auto& all = heap_of_runs_;
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= all.size()) return;
    if (child + 1 < all.size() && before(*all[child + 1], *all[child])) ++child;
    if (!before(*all[child], *all[at])) return;
    std::swap(all[child], all[at]);
    at = child;
  }
}

bool row_sorter::next_in_memory() {
  const std::size_t n = std::min<std::size_t>(chunk_rows, sorted_.size() - next_);
  if (n == 0) return false;
  out_.reserve(n);
  for (std::size_t i = next_; i < next_ + n; ++i) {
    if (i + 16 < sorted_.size()) __builtin_prefetch(held_.row(sorted_[i + 16]));
    move_rows(type_, out_.place(), held_.row(sorted_[i]), 1);
    out_.added();
    out_orders_.push_back(orders_[sorted_[i]]);
  }
  next_ += n;
  return true;
}

bool row_sorter::next() {
  if (!started_) start();
  out_.clear();
  out_orders_.clear();
  if (runs_.empty()) return next_in_memory();
  if (std::exchange(refill_, false)) {
    source& first = *heap_of_runs_.front();
    first.at = 0;
    if (!first.from.next()) {
      std::swap(heap_of_runs_.front(), heap_of_runs_.back());
      heap_of_runs_.pop_back();
    }
    sink_down(0);
  }
  if (heap_of_runs_.empty()) return false;
  out_.reserve(chunk_rows);
  // A row lies in its run's frame, and may view text there: before a frame is read over, what was
  // given out of it must be used up.
  while (!refill_ && out_.size() < chunk_rows) {
    source& first = *heap_of_runs_.front();
    move_rows(type_, out_.place(), first.from.rows().row(first.at), 1);
    out_.added();
    out_orders_.push_back(first.from.orders()[first.at]);
    ++first.at;
    if (first.at == first.from.rows().size()) refill_ = true;
    else sink_down(0);
  }
  return true;
}

}  // namespace millrace::detail
