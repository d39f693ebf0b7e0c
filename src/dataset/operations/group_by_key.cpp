// group_by_key, cogroup and the joins: all values of a key, of one dataset or several.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "dataset/row_shuffle.hpp"
#include "dataset/table.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

namespace {

/// Rows of one side for this partition, and their values brought together by key.
struct side {
  explicit side(const row_type& pairs) : rows(&pairs), values(*pairs.field(1).type) {}
  const row_type* rows;
  row_runs input;
  std::vector<std::uint32_t> group_of;  // a row's group, in order of arrival
  std::vector<std::uint32_t> starts;    // while counting: rows of each group, one to the right
  row_buffer values;
};

class groups_cursor final : public cursor {
 public:
  groups_cursor(std::vector<side> sides, const row_type& key, const row_type& rows,
                const void* function, group_loop run, std::string_view operation,
                task_context& task)
      : sides_(std::move(sides)),
        key_(key),
        run_(run),
        operation_(operation),
        task_(task),
        table_(entry_layout(&key, &row_type_of<std::int32_t>())),
        keys_(allocate_aligned(std::size_t{chunk_rows} * key.size)),
        buffer_(allocate_aligned(std::size_t{chunk_capacity} * rows.size)) {
    state_.function = function;
    state_.buffer = buffer_.get();
  }

  flow step(const sink& to) override {
    if (!gathered_) gather();
    if (task_.cancelled()) return flow::enough;  // groups may be half made
    const std::uint32_t n = std::min(chunk_rows, table_.size() - next_);
    if (n == 0) return flow::enough;
    state_.to = to;
    const flow answer = push(n);
    next_ += n;
    return next_ == table_.size() ? flow::enough : answer;
  }

 private:
  flow push(std::uint32_t n) {
    const entry_layout& layout = table_.layout();
    char* key = static_cast<char*>(keys_.get());
    for (std::uint32_t i = 0; i < n; ++i)
      layout.make_key(table_.entries() + std::size_t{next_ + i} * layout.stride(),
                      key + std::size_t{i} * key_.size);
    std::vector<const char*> values;
    std::vector<const std::uint32_t*> starts;
    for (const auto& s : sides_) {
      values.push_back(static_cast<const char*>(s.values.data()));
      starts.push_back(s.starts.data() + next_);
    }
    try {
      const flow answer = run_(state_, {keys_.get(), n, values.data(), starts.data()});
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
    std::vector<side*> order;
    for (auto& s : sides_) order.push_back(&s);
    std::stable_sort(order.begin(), order.end(),
                     [](const side* a, const side* b) { return a->input.total < b->input.total; });
    for (side* s : order) number(*s);
    for (auto& s : sides_) place(s);
  }

  /// Gives each key a number, in order of arrival, and counts its rows.
  void number(side& s) {
    void* slots[chunk_rows];
    s.group_of.resize(s.input.total);
    std::uint32_t* group = s.group_of.data();
    const key_source source = table_.layout().source(s.rows->field(0).offset);
    const std::uint32_t stride = s.rows->size;
    for (const auto& run : s.input.runs) {
      for (std::size_t i = 0; i < run.count; i += chunk_rows) {
        const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, run.count - i));
        table_.find(source, run.rows + i * stride, stride, n, slots);
        if (s.starts.size() <= table_.size()) s.starts.resize(std::size_t{table_.size()} * 2 + 2);
        for (std::uint32_t j = 0; j < n; ++j) {
          const auto slot = reinterpret_cast<std::uintptr_t>(slots[j]);
          auto* id = reinterpret_cast<std::uint32_t*>(slot & ~fresh_slot);
          if ((slot & fresh_slot) != 0) *id = known_++;
          ++s.starts[*id + 1];
          *group++ = *id;
        }
      }
      if (task_.cancelled()) return;
    }
  }

  void place(side& s) {
    s.starts.resize(std::size_t{table_.size()} + 1);
    for (std::size_t g = 1; g < s.starts.size(); ++g) s.starts[g] += s.starts[g - 1];
    if (task_.cancelled()) return;
    const row_type& type = s.values.type();
    const std::size_t total = s.input.total;
    const std::uint32_t stride = s.rows->size;
    const std::uint32_t value_at = s.rows->field(1).offset;
    std::vector<std::uint32_t> next(s.starts.begin(), s.starts.end());
    const std::uint32_t* group = s.group_of.data();
    char* to = static_cast<char*>(s.values.extend(total));
    const auto each = [&](auto put) {
      for (const auto& run : s.input.runs) {
        const char* value = run.rows + value_at;
        for (std::size_t i = 0; i < run.count; ++i, value += stride) put(next[*group++]++, value);
      }
    };
    if (type.trivial && type.size == 8) {
      each([to](std::size_t at, const char* v) { std::memcpy(to + at * 8, v, 8); });
    } else if (type.trivial) {
      each([to, &type](std::size_t at, const char* v) {
        std::memcpy(to + at * type.size, v, type.size);
      });
    } else {
      // Copied in order of arrival and then permuted by moves: an exception leaves nothing half
      // made.
      row_buffer arrived(type);
      arrived.reserve(total);
      std::vector<std::size_t> target;
      target.reserve(total);
      each([&](std::size_t at, const char* v) {
        copy_rows(type, arrived.place(), v, 1);
        arrived.added();
        target.push_back(at);
      });
      for (std::size_t i = 0; i < total; ++i)
        move_rows(type, to + target[i] * type.size, arrived.row(i), 1);
    }
    s.values.added(total);
    s.group_of = {};
  }

  std::vector<side> sides_;
  const row_type& key_;
  group_loop run_;
  std::string_view operation_;
  task_context& task_;
  aggregation_table table_;
  aligned_memory keys_;
  aligned_memory buffer_;
  step_state state_;
  std::uint32_t known_ = 0;
  std::uint32_t next_ = 0;
  bool gathered_ = false;
};

/// A partition of a parent that is partitioned as it should be, as if it had been shuffled.
row_runs read_own(const node& parent, int partition, task_context& task) {
  row_buffer rows(parent.rows());
  const auto from = task.open(parent, partition);
  while (from->step(rows.collector()) == flow::more)
    if (task.cancelled()) break;
  std::vector<row_buffer> parts;
  parts.push_back(std::move(rows));
  auto held = std::make_shared<const map_output>(std::move(parts));
  row_runs own;
  own.total = held->count(0);
  const char* first = held->begin(0);
  own.runs.push_back({std::move(held), first, own.total});
  return own;
}

class grouped_node final : public node {
 public:
  /// What belongs to a side: the index of a shuffle, or of a parent that is partitioned already.
  struct source {
    const row_type* rows;
    bool shuffled;
    std::size_t index;
  };
  grouped_node(facts f, std::vector<source> sources, function_state function, group_loop run)
      : node(std::move(f)),
        sources_(std::move(sources)),
        function_(std::move(function)),
        run_(run) {}

  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    std::vector<side> sides;
    for (const auto& s : sources_) {
      side& added = sides.emplace_back(*s.rows);
      added.input = s.shuffled ? fetch_rows(*shuffles()[s.index], partition, task)
                               : read_own(*parents()[s.index], partition, task);
    }
    return std::make_unique<groups_cursor>(std::move(sides), *sources_[0].rows->field(0).type,
                                           rows(), function_.get(), run_, operation(), task);
  }

 private:
  std::vector<source> sources_;
  function_state function_;
  group_loop run_;
};

}  // namespace

node_ptr group_by_key(std::vector<node_ptr> from, const row_type& rows, std::string_view operation,
                      function_state function, group_loop run, partitioner_ptr by) {
  node::facts f{from[0]->context(), &rows, operation, by->partitions, {}, {}, by};
  std::vector<grouped_node::source> sources;
  for (const auto& p : from) {
    if (p->by_key() != nullptr && p->by_key()->same_as(*by)) {
      sources.push_back({&p->rows(), false, f.parents.size()});
      f.parents.push_back(p);
    } else {
      sources.push_back({&p->rows(), true, f.shuffles.size()});
      f.shuffles.push_back(std::make_shared<row_shuffle>(p, by->partitions, by));
    }
  }
  return std::make_shared<grouped_node>(std::move(f), std::move(sources), std::move(function), run);
}

}  // namespace millrace::detail
