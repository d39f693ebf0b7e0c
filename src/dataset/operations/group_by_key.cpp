// group_by_key, cogroup and the joins: all values of a key, of one dataset or several.
#include <algorithm>
#include <cstring>
#include <utility>

#include "dataset/shuffle.hpp"
#include "dataset/table.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

namespace {

/// The values of one side, brought together by key.
struct side {
  explicit side(const row_type& type) : values(&type) {}
  const row_type* values;
  std::vector<map_output_ptr> inputs;
  std::vector<std::uint32_t> group_of;  // a row's group, in order of arrival
  std::vector<std::uint32_t> starts;    // while counting: rows of each group, one to the right
  std::unique_ptr<row_buffer> placed;
};

class groups_cursor final : public cursor {
 public:
  groups_cursor(std::vector<side> sides, int partition, const row_type& key, const row_type& rows,
                const void* function, group_loop run, std::string_view operation, task_context& task)
      : sides_(std::move(sides)),
        partition_(partition),
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
      values.push_back(static_cast<const char*>(s.placed->data()));
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
    for (auto& s : sides_) number(s);
    for (auto& s : sides_) place(s);
  }

  /// Gives each key a number, in order of arrival, and counts its rows.
  void number(side& s) {
    void* slots[chunk_rows];
    std::size_t total = 0;
    for (const auto& m : s.inputs) total += m->count(partition_);
    s.group_of.reserve(total);
    for (const auto& m : s.inputs) {
      // The value does not matter here: a table of keys reads any entries with these keys.
      const std::uint32_t stride = m->layout.stride();
      for (std::size_t i = 0, n = m->count(partition_); i < n; i += chunk_rows) {
        const auto some = static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, n - i));
        find(m->begin(partition_) + i * stride, stride, some, slots);
        s.starts.resize(std::size_t{table_.size()} + 1);
        for (std::uint32_t j = 0; j < some; ++j) {
          auto slot = reinterpret_cast<std::uintptr_t>(slots[j]);
          std::uint32_t id = 0;
          if ((slot & fresh_slot) != 0) std::memcpy(reinterpret_cast<void*>(slot - 1), &(id = known_++), 4);
          else std::memcpy(&id, slots[j], 4);
          s.group_of.push_back(id);
          ++s.starts[id + 1];
        }
      }
      if (task_.cancelled()) return;
    }
  }

  void find(const char* entries, std::uint32_t stride, std::uint32_t n, void** slots) {
    const entry_layout& layout = table_.layout();
    if (stride == layout.stride()) {
      table_.merge(entries, n, slots);
      return;
    }
    // Entries with a longer value: their heads side by side.
    heads_.resize(std::size_t{n} * layout.stride());
    for (std::uint32_t i = 0; i < n; ++i)
      std::memcpy(heads_.data() + std::size_t{i} * layout.stride(), entries + std::size_t{i} * stride,
                  layout.value_at());
    table_.merge(heads_.data(), n, slots);
  }

  void place(side& s) {
    s.starts.resize(std::size_t{table_.size()} + 1);
    for (std::size_t g = 1; g < s.starts.size(); ++g) s.starts[g] += s.starts[g - 1];
    const row_type& type = *s.values;
    s.placed = std::make_unique<row_buffer>(type);
    const std::size_t total = s.group_of.size();
    s.placed->reserve(total);
    std::vector<std::uint32_t> next(s.starts.begin(), s.starts.end());
    std::size_t row = 0;
    const auto each = [&](auto put) {
      for (const auto& m : s.inputs) {
        const std::uint32_t stride = m->layout.stride();
        const char* value = m->begin(partition_) + m->layout.value_at();
        for (std::size_t i = 0, n = m->count(partition_); i < n && row < total; ++i, value += stride)
          put(next[s.group_of[row++]]++, value);
      }
    };
    char* to = static_cast<char*>(s.placed->data());
    if (type.trivial && type.size == 8) {
      each([to](std::size_t at, const char* v) { std::memcpy(to + at * 8, v, 8); });
    } else if (type.trivial) {
      each([to, &type](std::size_t at, const char* v) { std::memcpy(to + at * type.size, v, type.size); });
    } else {
      // Copied in order of arrival first and permuted by moves: an exception leaves nothing half made.
      row_buffer arrived(type);
      arrived.reserve(total);
      std::vector<std::uint32_t> target;
      target.reserve(total);
      each([&](std::size_t at, const char* v) {
        copy_rows(type, arrived.place(), v, 1);
        arrived.added();
        target.push_back(static_cast<std::uint32_t>(at));
      });
      for (std::size_t i = 0; i < total; ++i) move_rows(type, to + target[i] * type.size, arrived.row(i), 1);
    }
    for (std::size_t i = 0; i < total; ++i) s.placed->added();
    s.group_of = {};
  }

  std::vector<side> sides_;
  int partition_;
  const row_type& key_;
  group_loop run_;
  std::string_view operation_;
  task_context& task_;
  aggregation_table table_;
  aligned_memory keys_;
  aligned_memory buffer_;
  std::vector<char> heads_;
  step_state state_;
  std::uint32_t known_ = 0;
  std::uint32_t next_ = 0;
  bool gathered_ = false;
};

class grouped_node final : public node {
 public:
  /// What belongs to side i: a shuffle, or a parent that is partitioned already.
  struct source {
    aggregator pairs;
    entry_layout layout;
    int shuffle;  // index, or -1
    int parent;
  };
  grouped_node(facts f, std::vector<source> sources, function_state function, group_loop run)
      : node(std::move(f)), sources_(std::move(sources)), function_(std::move(function)), run_(run) {}

  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    std::vector<side> sides;
    for (const auto& s : sources_) {
      side& added = sides.emplace_back(*s.pairs.value);
      if (s.shuffle < 0) {
        const auto own = write_entries(*parents()[static_cast<std::size_t>(s.parent)], partition,
                                       s.layout, s.pairs, nullptr, task);
        // As if it came from a shuffle in which only this partition has rows.
        auto as_output = std::const_pointer_cast<map_output>(own);
        as_output->starts.insert(as_output->starts.begin(), static_cast<std::size_t>(partition), 0);
        added.inputs.push_back(own);
      } else {
        const shuffle& from = *shuffles()[static_cast<std::size_t>(s.shuffle)];
        for (int m = 0; m < from.parent()->partitions(); ++m) added.inputs.push_back(task.fetch(from, m));
      }
    }
    return std::make_unique<groups_cursor>(std::move(sides), partition, *sources_[0].pairs.key, rows(),
                                           function_.get(), run_, operation(), task);
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
    aggregator pairs;  // carries values, combines nothing
    pairs.key = p->rows().field(0).type;
    pairs.key_at = p->rows().field(0).offset;
    pairs.value = pairs.combined = p->rows().field(1).type;
    pairs.value_at = p->rows().field(1).offset;
    entry_layout layout(pairs.key, pairs.value);
    if (p->by_key() != nullptr && p->by_key()->same_as(*by)) {
      sources.push_back({pairs, layout, -1, static_cast<int>(f.parents.size())});
      f.parents.push_back(p);
    } else {
      sources.push_back({pairs, layout, static_cast<int>(f.shuffles.size()), -1});
      f.shuffles.push_back(std::make_shared<keyed_shuffle>(p, layout, pairs, by));
    }
  }
  return std::make_shared<grouped_node>(std::move(f), std::move(sources), std::move(function), run);
}

}  // namespace millrace::detail
