// range: numbers, made while they are read.
#include <algorithm>
#include <array>
#include <utility>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

class range_cursor final : public cursor {
 public:
  range_cursor(std::int64_t first, std::int64_t step, std::uint64_t count)
      : next_(first), step_(step), left_(count) {}
  flow step(const sink& to) override {
    if (left_ == 0) return flow::enough;
    const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(chunk_rows, left_));
    // Unsigned: the number after the last one may not exist.
    auto x = static_cast<std::uint64_t>(next_);
    for (std::uint32_t i = 0; i < n; ++i, x += static_cast<std::uint64_t>(step_))
      rows_[i] = static_cast<std::int64_t>(x);
    next_ = static_cast<std::int64_t>(x);
    left_ -= n;
    const flow answer = to({rows_.data(), n, true});
    return left_ == 0 ? flow::enough : answer;
  }

 private:
  std::int64_t next_;
  std::int64_t step_;
  std::uint64_t left_;
  std::array<std::int64_t, chunk_rows> rows_;
};

class range_node final : public node {
 public:
  range_node(context_ptr context, std::int64_t begin, std::int64_t step, std::uint64_t count,
             int slices)
      : node({std::move(context), &row_type_of<std::int64_t>(), "range", slices, {}, {}, nullptr}),
        begin_(begin),
        step_(step),
        count_(count) {}
  std::unique_ptr<cursor> open(int partition, task_context&) const override {
    const auto from = position(partition);
    const auto first =
        static_cast<std::uint64_t>(begin_) + from * static_cast<std::uint64_t>(step_);
    return std::make_unique<range_cursor>(static_cast<std::int64_t>(first), step_,
                                          position(partition + 1) - from);
  }

 private:
  std::uint64_t position(int partition) const {
    __extension__ using wide = unsigned __int128;
    return static_cast<std::uint64_t>(static_cast<wide>(count_) * static_cast<unsigned>(partition) /
                                      static_cast<unsigned>(partitions()));
  }
  std::int64_t begin_;
  std::int64_t step_;
  std::uint64_t count_;
};

}  // namespace

node_ptr from_range(context_ptr context, std::int64_t begin, std::int64_t end, std::int64_t step,
                    int slices) {
  if (step == 0) throw usage_error("range: the step must not be zero");
  if (slices < 1)
    throw usage_error("range: the number of partitions must be positive: " +
                      std::to_string(slices));
  std::uint64_t count = 0;
  const auto b = static_cast<std::uint64_t>(begin);
  const auto e = static_cast<std::uint64_t>(end);
  const auto s = static_cast<std::uint64_t>(step);
  if (step > 0 && begin < end) count = (e - b - 1) / s + 1;
  if (step < 0 && begin > end) count = (b - e - 1) / (0 - s) + 1;
  return std::make_shared<range_node>(std::move(context), begin, step, count, slices);
}

}  // namespace millrace::detail
