// reduce_by_key, combine_by_key and their like, and distinct: one value a key.
#include <algorithm>
#include <utility>

#include "dataset/shuffle.hpp"
#include "dataset/table.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

namespace {

class aggregated_cursor final : public cursor {
 public:
  /// `inputs`: this partition of each map output, in map order.
  aggregated_cursor(std::vector<map_output_ptr> inputs, int partition, const entry_layout& layout,
                    const aggregator& a, const row_type& rows, task_context& task)
      : inputs_(std::move(inputs)),
        partition_(partition),
        aggregator_(a),
        task_(task),
        table_(layout),
        out_(layout, rows) {}

  flow step(const sink& to) override {
    if (!merged_) merge();
    const std::uint32_t stride = table_.layout().stride();
    const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, count_ - next_));
    if (n == 0) return flow::enough;
    char* from = entries_ + next_ * stride;
    out_.make(from, n, entries_ == table_.entries());
    next_ += n;
    const flow answer = out_.push(to);
    return next_ == count_ ? flow::enough : answer;
  }

 private:
  void merge() {
    merged_ = true;
    std::erase_if(inputs_, [this](const map_output_ptr& m) { return m->count(partition_) == 0; });
    // One input whose keys are unique is the result already.
    if (inputs_.size() == 1 && inputs_[0]->unique_keys()) {
      entries_ = const_cast<char*>(inputs_[0]->begin(partition_));
      count_ = inputs_[0]->count(partition_);
      return;
    }
    const entry_layout& layout = table_.layout();
    const std::uint32_t stride = layout.stride();
    void* slots[chunk_rows];
    std::size_t largest = 0;
    for (const auto& m : inputs_) largest = std::max(largest, m->count(partition_));
    table_.reserve(static_cast<std::uint32_t>(std::min<std::size_t>(largest, 1U << 30)));
    for (const auto& m : inputs_) {
      const char* from = m->begin(partition_);
      for (std::size_t i = 0, n = m->count(partition_); i < n; i += chunk_rows) {
        const auto some = static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, n - i));
        const char* entries = from + i * stride;
        table_.merge(entries, some, slots);
        try {
          table_.fold(aggregator_.fold_combined, aggregator_.function.get(), slots,
                      entries + layout.value_at(), stride, some);
        } catch (...) {
          task_.failed_in(aggregator_.operation, -1);
          throw;
        }
      }
      if (task_.cancelled()) break;
    }
    inputs_.clear();
    entries_ = table_.entries();
    count_ = table_.size();
  }

  std::vector<map_output_ptr> inputs_;
  int partition_;
  const aggregator& aggregator_;
  task_context& task_;
  aggregation_table table_;
  entry_rows out_;
  char* entries_ = nullptr;
  std::size_t count_ = 0;
  std::size_t next_ = 0;
  bool merged_ = false;
};

class aggregated_node final : public node {
 public:
  aggregated_node(facts f, entry_layout layout, aggregator a)
      : node(std::move(f)), layout_(std::move(layout)), aggregator_(std::move(a)) {}

  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    std::vector<map_output_ptr> inputs;
    if (shuffles().empty()) {  // the parent's keys are where they belong
      inputs.push_back(
          write_entries(*parents()[0], partition, layout_, aggregator_, nullptr, task));
      return std::make_unique<aggregated_cursor>(std::move(inputs), 0, layout_, aggregator_, rows(),
                                                 task);
    }
    const shuffle& from = *shuffles()[0];
    for (int m = 0; m < from.parent()->partitions(); ++m) inputs.push_back(task.fetch(from, m));
    return std::make_unique<aggregated_cursor>(std::move(inputs), partition, layout_, aggregator_,
                                               rows(), task);
  }

 private:
  entry_layout layout_;
  aggregator aggregator_;
};

}  // namespace

node_ptr aggregate_by_key(const node_ptr& parent, const row_type& rows, std::string_view operation,
                          aggregator a, partitioner_ptr by) {
  a.operation = operation;
  entry_layout layout(a.key, a.combined);
  node::facts f{parent->context(), &rows, operation, by->partitions, {}, {}, by};
  if (a.combined == nullptr) f.by_key = nullptr;  // by whole rows, of which the key is but a part
  if (parent->by_key() != nullptr && parent->by_key()->same_as(*by)) f.parents = {parent};
  else f.shuffles = {std::make_shared<keyed_shuffle>(parent, layout, a, by)};
  return std::make_shared<aggregated_node>(std::move(f), std::move(layout), std::move(a));
}

}  // namespace millrace::detail
