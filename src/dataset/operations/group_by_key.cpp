// group_by_key and cogroup: all rows of a key, of one dataset or several.
#include <algorithm>
#include <utility>
#include <vector>

#include "dataset/operations/rows_by_key.hpp"
#include "dataset/operations/spilled_keys.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

namespace {

class groups_cursor final : public cursor {
 public:
  groups_cursor(const std::vector<side_source>& sides, std::vector<row_runs> inputs,
                const row_type& rows, const void* function, group_loop run,
                std::string_view operation, task_context& task)
      : inputs_(std::move(inputs)),
        key_(*sides[0].rows->field(0).type),
        run_(run),
        operation_(operation),
        task_(task),
        numbers_(key_),
        keys_(allocate_aligned(std::size_t{chunk_rows} * key_.size)),
        buffer_(allocate_aligned(std::size_t{chunk_capacity} * rows.size)) {
    for (const auto& s : sides) sides_.emplace_back(*s.rows);
    state_.function = function;
    state_.buffer = buffer_.get();
  }

  flow step(const sink& to) override {
    if (!gathered_) gather();
    if (task_.cancelled()) return flow::enough;  // groups may be half made
    const std::uint32_t n = std::min(chunk_rows, numbers_.size() - next_);
    if (n == 0) return flow::enough;
    state_.to = to;
    const flow answer = push(n);
    next_ += n;
    return next_ == numbers_.size() ? flow::enough : answer;
  }

 private:
  flow push(std::uint32_t n) {
    numbers_.make_keys(next_, n, keys_.get());
    std::vector<const void*> rows;
    std::vector<const std::uint32_t*> starts;
    for (const auto& s : sides_) {
      rows.push_back(s.rows());
      starts.push_back(s.starts() + next_);
    }
    try {
      const flow answer = run_(state_, {keys_.get(), n, rows.data(), starts.data()});
      destroy_rows(key_, keys_.get(), n);
      return answer;
    } catch (...) {
      destroy_rows(key_, keys_.get(), n);
      task_.failed_in(operation_, -1);
      throw;
    }
  }

  void gather() {
    gathered_ = true;
    // The smallest side first: it makes the table, the others mostly look up. The data decides.
    std::vector<std::size_t> order;
    for (std::size_t s = 0; s < sides_.size(); ++s) order.push_back(s);
    std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
      return inputs_[a].total < inputs_[b].total;
    });
    for (const std::size_t s : order) {
      sides_[s].number(std::move(inputs_[s]), numbers_, task_);
      if (task_.cancelled()) return;
    }
    for (auto& s : sides_) s.place(numbers_.size());
  }

  std::vector<row_runs> inputs_;
  std::vector<rows_by_key> sides_;
  const row_type& key_;
  group_loop run_;
  std::string_view operation_;
  task_context& task_;
  key_numbers numbers_;
  aligned_memory keys_;
  aligned_memory buffer_;
  step_state state_;
  std::uint32_t next_ = 0;
  bool gathered_ = false;
};

class grouped_node final : public node {
 public:
  grouped_node(facts f, std::vector<side_source> sides, function_state function, group_loop run)
      : node(std::move(f)), sides_(std::move(sides)), function_(std::move(function)), run_(run) {}

  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    std::vector<row_runs> inputs;
    row_runs all;
    for (const auto& s : sides_) {
      inputs.push_back(fetch_side(*this, s, partition, task));
      all.total += inputs.back().total;
      all.bytes += inputs.back().bytes;
    }
    if (!fits_by_key(all, task))
      return open_spilled_groups(sides_, std::move(inputs), rows(), function_.get(), run_,
                                 operation(), task);
    return std::make_unique<groups_cursor>(sides_, std::move(inputs), rows(), function_.get(), run_,
                                           operation(), task);
  }

 private:
  std::vector<side_source> sides_;
  function_state function_;
  group_loop run_;
};

}  // namespace

node_ptr group_by_key(std::vector<node_ptr> from, const row_type& rows, std::string_view operation,
                      function_state function, group_loop run, partitioner_ptr by) {
  node::facts f{from[0]->context(), &rows, operation, by->partitions, {}, {}, by};
  auto sides = add_sides(f, from, by);
  return std::make_shared<grouped_node>(std::move(f), std::move(sides), std::move(function), run);
}

}  // namespace millrace::detail
