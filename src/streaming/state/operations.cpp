#include "streaming/state/operations.hpp"

#include <utility>

#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

void load(state_work& work) {
  keyed_rows& rows = work.inputs[0];
  std::vector<std::size_t> last(rows.keys.size());
  for (std::size_t i = 0; i < rows.group.size(); ++i) last[rows.group[i]] = i;
  work.changes.values.reserve(last.size());
  for (const std::size_t i : last) work.changes.values.append({rows.values.row(i), 1, true});
  work.changes.ids = rows.keys;
  work.changes.alive.assign(rows.keys.size(), 1);
}

keyed_state_stream::keyed_state_stream(facts f, std::shared_ptr<const state_operation> operation,
                                       partitioner_ptr by, node_ptr initial)
    : state_stream(std::move(f), std::move(operation), std::move(by)) {
  if (initial != nullptr) initial_ = partition_by(initial, state_stream::by());
}

void keyed_state_stream::clear() {
  initial_ = nullptr;
  state_stream::clear();
}

std::vector<node_ptr> keyed_state_stream::inputs(time_point_ms time) {
  const node_ptr pairs = parents()[0]->dataset(time);
  if (pairs == nullptr) return {};
  return {partition_by(pairs, by())};
}

}  // namespace millrace::detail
