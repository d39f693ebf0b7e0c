// update_state_by_key
#include <algorithm>
#include <cstring>
#include <utility>

#include "millrace/detail/streaming/state.hpp"
#include "streaming/state/operations.hpp"

namespace millrace::detail {
namespace {

class update_state final : public state_operation {
 public:
  update_state(const row_type& pairs, update_function f, idle_keys idle)
      : state_operation("update_state_by_key", *pairs.field(0).type, *pairs.field(1).type),
        f_(std::move(f)),
        idle_(idle) {}

  void compute(state_work& work) const override {
    if (work.number == 0) return load(work);
    std::vector<std::uint32_t>& ids = work.changes.ids;
    std::vector<std::uint32_t> starts;
    row_buffer sorted(work.inputs.empty() ? value() : work.inputs[0].values.type());
    if (!work.inputs.empty()) {
      ids = work.inputs[0].keys;
      starts = sort(work.inputs[0], sorted);
    }
    if (idle_ == idle_keys::called ||
        (idle_ == idle_keys::called_with_others && !work.inputs.empty())) {
      std::vector<std::uint8_t> visited(work.table.ids());
      for (const std::uint32_t id : ids) visited[id] = 1;
      for (std::uint32_t id = 0; id < visited.size(); ++id)
        if (visited[id] == 0 && work.table.has(id)) ids.push_back(id);
    }
    starts.resize(ids.size() + 1, starts.empty() ? 0 : starts.back());

    work.changes.alive.resize(ids.size());
    const void* before[chunk_rows];
    row_buffer kept(value());
    for (std::size_t i = 0; i < ids.size(); i += chunk_rows) {
      const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, ids.size() - i));
      work.table.read(ids.data() + i, n, before, kept);
      f_.run(f_.function.get(),
             {&work.task, static_cast<const char*>(sorted.data()), starts.data() + i, before, n,
              &work.changes.values, work.changes.alive.data() + i});
    }
  }

 private:
  /// The values of each key side by side; where each key's begin.
  static std::vector<std::uint32_t> sort(keyed_rows& rows, row_buffer& sorted) {
    const row_type& type = rows.values.type();
    const std::size_t n = rows.group.size();
    std::vector<std::uint32_t> starts(rows.keys.size() + 1);
    for (const std::uint32_t group : rows.group) ++starts[group + 1];
    for (std::size_t g = 1; g < starts.size(); ++g) starts[g] += starts[g - 1];
    if (n == rows.keys.size()) {  // one each, in their order
      sorted = std::move(rows.values);
      return starts;
    }
    std::vector<std::uint32_t> next(starts.begin(), starts.end() - 1);
    char* const to = static_cast<char*>(sorted.extend(n));
    for (std::size_t i = 0; i < n; ++i)
      move_rows(type, to + std::size_t{next[rows.group[i]]++} * type.size, rows.values.row(i), 1);
    sorted.added(n);
    return starts;
  }

  update_function f_;
  idle_keys idle_;
};

}  // namespace

stream_ptr update_state_stream(const stream_ptr& parent, const row_type& pairs, update_function f,
                               idle_keys idle, node_ptr initial, partitioner_ptr by) {
  auto operation = std::make_shared<update_state>(pairs, std::move(f), idle);
  return std::make_shared<keyed_state_stream>(
      stream_node::facts{parent->engine(), &pairs, operation->name(), {parent}}, operation,
      std::move(by), std::move(initial));
}

}  // namespace millrace::detail
