// The joins and subtract_by_key. Of each partition the smaller side is brought together by key; the
// rows of the larger then pass by, each meeting those that have its key. The sizes are the data's,
// so the order of results is too.
#include <algorithm>
#include <utility>
#include <vector>

#include "dataset/operations/rows_by_key.hpp"
#include "dataset/operations/spilled_keys.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

namespace {

class joined_cursor final : public cursor {
 public:
  joined_cursor(join_side held, join_side passing, const row_type& rows, join_loop run,
                std::string_view operation, task_context& task)
      : held_(std::move(held)),
        passing_(std::move(passing)),
        run_(run),
        operation_(operation),
        task_(task),
        keys_(*held_.source.rows->field(0).type),
        by_key_(*held_.source.rows),
        from_(passing_.input, *passing_.source.rows),
        buffer_(allocate_aligned(std::size_t{chunk_capacity} * rows.size)) {
    state_.buffer = buffer_.get();
  }

  flow step(const sink& to) override {
    if (!gathered_) gather();
    if (task_.cancelled()) return flow::enough;  // rows may be half gathered
    state_.to = to;
    if (from_.next()) return push(passing_.left, meet());
    const std::uint32_t lone = collect_lone();
    return lone == 0 ? flow::enough : push(held_.left, lone);
  }

 private:
  void gather() {
    gathered_ = true;
    by_key_.number(std::move(held_.input), keys_, task_);
    if (task_.cancelled()) return;
    by_key_.place(keys_.size());
    keys_.set_ranges(by_key_.starts());
    if (held_.kept) met_.resize(by_key_.starts()[keys_.size()]);
  }

  /// The next rows that pass by, and whom they meet.
  std::uint32_t meet() {
    const row_type& type = *passing_.source.rows;
    const char* row = from_.data();
    const std::uint32_t n = from_.count();
    keys_.find(type, row, n, first_, last_);
    for (std::uint32_t i = 0; i < n; ++i, row += type.size) {
      rows_[i] = row;
      by_key_.prefetch(first_[i]);
    }
    if (held_.kept)
      for (std::uint32_t i = 0; i < n; ++i)
        if (first_[i] != last_[i]) met_[first_[i]] = 1;
    return n;
  }

  /// The next held rows whose key did not pass by, where they are wanted; by key.
  std::uint32_t collect_lone() {
    std::uint32_t n = 0;
    while (n < chunk_rows && lone_row_ < met_.size()) {
      const std::uint32_t end = by_key_.starts()[lone_key_ + 1];
      if (met_[by_key_.starts()[lone_key_]] != 0) lone_row_ = end;
      for (; n < chunk_rows && lone_row_ < end; ++n, ++lone_row_) {
        rows_[n] = by_key_.row(lone_row_);
        first_[n] = last_[n] = 0;
      }
      if (lone_row_ == end) ++lone_key_;
    }
    return n;
  }

  flow push(bool left, std::uint32_t n) {
    try {
      return run_(state_, {left, n, rows_, by_key_.rows(), first_, last_});
    } catch (...) {
      task_.failed_in(operation_, -1);
      throw;
    }
  }

  join_side held_;
  join_side passing_;
  join_loop run_;
  std::string_view operation_;
  task_context& task_;
  key_numbers keys_;
  rows_by_key by_key_;
  runs_reader from_;                // those that pass by may lie on disk
  std::vector<unsigned char> met_;  // at the first row of each key, where held rows are kept
  aligned_memory buffer_;
  step_state state_;
  bool gathered_ = false;
  std::uint32_t lone_key_ = 0;
  std::uint32_t lone_row_ = 0;
  const void* rows_[chunk_rows];
  std::uint32_t first_[chunk_rows];
  std::uint32_t last_[chunk_rows];
};

class joined_node final : public node {
 public:
  joined_node(facts f, std::vector<side_source> sides, join_form form)
      : node(std::move(f)), sides_(std::move(sides)), form_(form) {}

  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    join_side left{sides_[0], fetch_side(*this, sides_[0], partition, task), true,
                   form_.keeps_left};
    join_side right{sides_[1], fetch_side(*this, sides_[1], partition, task), false,
                    form_.keeps_right};
    if (left.input.total < right.input.total) std::swap(left, right);
    if (!fits_by_key(right.input, task))
      return open_spilled_join(std::move(right), std::move(left), rows(), form_.run, operation(),
                               task);
    return std::make_unique<joined_cursor>(std::move(right), std::move(left), rows(), form_.run,
                                           operation(), task);
  }

 private:
  std::vector<side_source> sides_;
  join_form form_;
};

}  // namespace

node_ptr join(const node_ptr& left, const node_ptr& right, const row_type& rows,
              std::string_view operation, join_form form, partitioner_ptr by) {
  node::facts f{left->context(), &rows, operation, by->partitions, {}, {}, by};
  auto sides = add_sides(f, {left, right}, by);
  return std::make_shared<joined_node>(std::move(f), std::move(sides), form);
}

}  // namespace millrace::detail
