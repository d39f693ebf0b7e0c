// reduce_by_key, combine_by_key and their like, and distinct: one value a key.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "dataset/prefix_sort.hpp"
#include "dataset/row_sorter.hpp"
#include "dataset/shuffle.hpp"
#include "dataset/table.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

class aggregated_cursor final : public cursor {
 public:
  /// `inputs`: this partition of each map output, in map order.
  aggregated_cursor(std::vector<map_output_ptr> inputs, int partition, const entry_layout& layout,
                    const aggregator& a, const row_type& rows, task_context& task)
      : inputs_(std::move(inputs)),
        partition_(partition),
        layout_(layout),
        aggregator_(a),
        rows_(rows),
        task_(task),
        table_(std::in_place, layout),
        out_(layout, rows) {}

  flow step(const sink& to) override {
    if (!merged_) merge();
    if (spilled_) {
      if (task_.cancelled() || !spilled_->next()) return flow::enough;
      auto& rows = spilled_->rows();
      return to({rows.data(), static_cast<std::uint32_t>(rows.size()), true});
    }
    const std::uint32_t stride = layout_.stride();
    const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, count_ - next_));
    if (n == 0) return flow::enough;
    char* from = entries_ + next_ * stride;
    out_.make(from, n, entries_ == table_->entries());
    next_ += n;
    const flow answer = out_.push(to);
    return next_ == count_ ? flow::enough : answer;
  }

 private:
  void merge() {
    merged_ = true;
    std::erase_if(inputs_, [this](const map_output_ptr& m) { return m->empty(partition_); });
    // One input whose keys are unique is the result already.
    if (inputs_.size() == 1 && inputs_[0]->unique_keys() && inputs_[0]->spilled().empty()) {
      entries_ = const_cast<char*>(inputs_[0]->begin(partition_));
      count_ = inputs_[0]->count(partition_);
      return;
    }
    std::size_t largest = 0;
    for (const auto& m : inputs_) largest = std::max(largest, m->count(partition_));
    table_->reserve(static_cast<std::uint32_t>(
        std::min<std::size_t>(largest, table_->fitting(task_.memory().share))));
    for (const auto& m : inputs_) {
      for (const auto& run : m->spilled()) add_rows(run[static_cast<std::size_t>(partition_)]);
      add_entries(m->begin(partition_), m->count(partition_));
      if (task_.cancelled()) break;
    }
    inputs_.clear();
    if (by_hash_) return settle();
    entries_ = table_->entries();
    count_ = table_->size();
  }

  void add_entries(const char* from, std::size_t n) {
    void* slots[chunk_rows];
    const std::uint32_t stride = layout_.stride();
    for (std::size_t i = 0; i < n; i += chunk_rows) {
      const auto some = static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, n - i));
      const char* entries = from + i * stride;
      make_room(some);
      table_->merge(entries, some, slots);
      fold(*table_, slots, entries + layout_.value_at(), stride, some);
    }
  }

  void add_rows(const row_frames& from) {
    void* slots[chunk_rows];
    frame_reader frames(from);
    while (frames.next()) {
      const auto* rows = static_cast<const char*>(frames.rows().data());
      const auto n = static_cast<std::uint32_t>(frames.rows().size());
      make_room(n);
      find(*table_, rows, n, slots);
    }
  }

  /// Keys and combined values of rows into a table.
  void find(aggregation_table& table, const char* rows, std::uint32_t n, void** slots) {
    const bool pairs = layout_.value() != nullptr;
    table.find(layout_.source(pairs ? rows_.field(0).offset : 0), rows, rows_.size, n, slots);
    if (pairs) fold(table, slots, rows + rows_.field(1).offset, rows_.size, n);
  }

  void fold(aggregation_table& table, void** slots, const char* values, std::uint32_t stride,
            std::uint32_t n) {
    try {
      table.fold(aggregator_.fold_combined, aggregator_.function.get(), slots, layout_.value(),
                 values, stride, n);
    } catch (...) {
      task_.failed_in(aggregator_.operation, -1);
      throw;
    }
  }

  // ---- past the share: runs sorted by hash bring equal keys together; sorting what became of them
  // by the arrival of their first row puts them where they would have been in one table.

  void make_room(std::uint32_t more) {
    if (table_->bytes_with(more) > task_.memory().share && table_->size() != 0) spill();
  }

  void spill() {
    if (!by_hash_) by_hash_.emplace(rows_, task_, aggregator_.operation, task_.memory().share);
    const std::uint32_t stride = layout_.stride();
    std::vector<sort_item> items;
    items.reserve(table_->size());
    for (std::uint32_t i = 0; i < table_->size(); ++i) {
      const char* entry = table_->entries() + std::size_t{i} * stride;
      items.push_back({layout_.hash(entry), entry});
    }
    sort_by_prefix(items);
    char* entries[chunk_rows];
    row_order orders[chunk_rows];
    for (std::size_t i = 0; i < items.size(); i += chunk_rows) {
      const auto n =
          static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, items.size() - i));
      for (std::uint32_t j = 0; j < n; ++j) {
        entries[j] = const_cast<char*>(items[i + j].row);
        const auto place =
            static_cast<std::uint64_t>(items[i + j].row - table_->entries()) / stride;
        orders[j] = {items[i + j].prefix, arrived_ + place};
      }
      out_.make(entries, n, true);
      by_hash_->add_sorted(out_.rows(), n, orders);
      out_.clear();
    }
    by_hash_->end_run();
    arrived_ += table_->size();
    table_->clear();
  }

  void settle() {
    spill();
    table_.reset();
    spilled_.emplace(rows_, task_, aggregator_.operation, task_.memory().share);
    row_buffer batch(rows_);  // whole keys: none goes on after it
    std::vector<row_order> orders;
    const auto add = [&](std::uint32_t from, std::uint32_t to) {
      batch.append({by_hash_->rows().row(from), to - from, true});
      orders.insert(orders.end(), by_hash_->orders() + from, by_hash_->orders() + to);
    };
    while (!task_.cancelled() && by_hash_->next()) {
      const auto n = static_cast<std::uint32_t>(by_hash_->rows().size());
      const row_order* in = by_hash_->orders();
      std::uint32_t cut = n - 1;
      while (cut != 0 && in[cut].major == in[cut - 1].major) --cut;
      if (cut == 0 && !orders.empty() && orders.back().major == in[0].major) {
        add(0, n);
        continue;
      }
      add(0, cut);
      combine(batch, orders);
      add(cut, n);
    }
    combine(batch, orders);
    by_hash_.reset();
  }

  void combine(row_buffer& batch, std::vector<row_order>& orders) {
    void* slots[chunk_rows];
    aggregation_table table(layout_);
    std::vector<row_order> first;  // of each key
    for (std::size_t i = 0; i < batch.size(); i += chunk_rows) {
      const auto n =
          static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, batch.size() - i));
      const std::uint32_t known = table.size();
      find(table, static_cast<const char*>(batch.row(i)), n, slots);
      // New keys come in the order of their rows.
      first.resize(table.size());
      std::uint32_t next = known;
      for (std::uint32_t j = 0; j < n && next != table.size(); ++j)
        if ((reinterpret_cast<std::uintptr_t>(slots[j]) & fresh_slot) != 0)
          first[next++] = {orders[i + j].minor, 0};
    }
    check_size(table);
    for (std::uint32_t i = 0; i < table.size(); i += chunk_rows) {
      const std::uint32_t n = std::min(chunk_rows, table.size() - i);
      out_.make(table.entries() + std::size_t{i} * layout_.stride(), n, true);
      spilled_->add(out_.rows(), n, first.data() + i);
      out_.clear();
    }
    batch.clear();
    batch.texts().clear();
    orders.clear();
  }

  /// What is combined of one key may grow (a list does), and must fit.
  void check_size(aggregation_table& table) const {
    const std::size_t most = task_.memory().share;
    if (layout_.trivial() || layout_.heap(table.entries(), table.size()) <= most) return;
    for (std::uint32_t i = 0; i < table.size(); ++i) {
      const char* entry = table.entries() + std::size_t{i} * layout_.stride();
      const std::size_t bytes = layout_.heap(entry, 1);
      if (bytes <= most) continue;
      const row_type& type = *layout_.key();
      const aligned_memory key = allocate_aligned(type.size);
      layout_.make_key(entry, key.get());
      std::string text;
      print_row(type, key.get(), text);
      destroy_rows(type, key.get(), 1);
      throw error(std::string(aggregator_.operation) +
                  ": what is combined of one key does not fit in the memory that one task may "
                  "use, set memory.budget higher; bytes " +
                  std::to_string(bytes) + " of " + std::to_string(most) + ", key " +
                  text.substr(0, 100));
    }
  }

  std::vector<map_output_ptr> inputs_;
  int partition_;
  const entry_layout& layout_;
  const aggregator& aggregator_;
  const row_type& rows_;
  task_context& task_;
  std::optional<aggregation_table> table_;
  entry_rows out_;
  char* entries_ = nullptr;
  std::size_t count_ = 0;
  std::size_t next_ = 0;
  bool merged_ = false;
  std::optional<row_sorter> by_hash_;
  std::optional<row_sorter> spilled_;  // the result, by arrival
  std::uint64_t arrived_ = 0;          // entries spilled
};

class aggregated_node final : public node {
 public:
  aggregated_node(facts f, entry_layout layout, aggregator a)
      : node(std::move(f)), layout_(std::move(layout)), aggregator_(std::move(a)) {}

  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    std::vector<map_output_ptr> inputs;
    if (shuffles().empty()) {  // the parent's keys are where they belong
      inputs.push_back(
          write_entries(*parents()[0], partition, rows(), layout_, aggregator_, nullptr, task));
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
  else f.shuffles = {std::make_shared<keyed_shuffle>(parent, rows, layout, a, by)};
  return std::make_shared<aggregated_node>(std::move(f), std::move(layout), std::move(a));
}

}  // namespace millrace::detail
