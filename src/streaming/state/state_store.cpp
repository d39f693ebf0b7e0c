#include "streaming/state/state_store.hpp"

#include <cstring>
#include <utility>

namespace millrace::detail {

state_memory::~state_memory() = default;
state_operation::~state_operation() = default;
void state_operation::committed(state_work&) const noexcept {}

state_store::state_store(std::shared_ptr<const state_operation> operation, int partitions,
                         cells_maker cells)
    : operation_(std::move(operation)), make_cells_(std::move(cells)) {
  for (int p = 0; p < partitions; ++p)
    static_cast<state_partition&>(*cells_.emplace_back(std::make_unique<cell>())) =
        make_partition();
}

state_partition state_store::make_partition() const {
  return {std::make_shared<table_version>(
              std::make_shared<keyed_table>(operation_->key(), operation_->value(),
                                            operation_->stamped(), make_cells_),
              -1),
          operation_->make_memory(), smallest_renewed};
}

void state_store::track() {
  tracked_ = true;
  for (const auto& c : cells_) track(*c);
}

void state_store::track(state_partition& one) {
  one.current->table->track(one.current->number);
  if (one.memory != nullptr) one.memory->track();
}

void state_store::restore(int partition, state_partition from) {
  cell& c = at(partition);
  static_cast<state_partition&>(c) = std::move(from);
  c.place = {};
  if (tracked_) track(c);
}

batch_result state_store::current(int partition) {
  cell& c = at(partition);
  // What it emitted is not known any more.
  row_buffer_ptr emitted;
  if (const row_type* const emits = operation_->emits())
    emitted = std::make_shared<const row_buffer>(*emits);
  return {c.current, std::move(emitted), c.memory == nullptr ? nullptr : c.memory->units(),
          c.renew_from};
}

namespace {

/// The second field of each row.
void append_values(row_buffer& to, const chunk& rows, const row_type& pairs) {
  const row_type& type = to.type();
  const char* from = static_cast<const char*>(rows.rows) + pairs.field(1).offset;
  auto* at = static_cast<char*>(to.extend(rows.count));
  if (type.trivial && !type.holds_views) {
    for (std::uint32_t i = 0; i < rows.count; ++i, from += pairs.size, at += type.size)
      std::memcpy(at, from, type.size);
    to.added(rows.count);
    return;
  }
  for (std::uint32_t i = 0; i < rows.count; ++i, from += pairs.size, at += type.size) {
    if (rows.movable) move_rows(type, at, const_cast<char*>(from), 1);
    else copy_rows(type, at, from, 1);
    to.added();
    if (type.holds_views) own_row(type, at, to.texts());
  }
}

}  // namespace

void state_store::read(cell& c, keyed_table& table, const node& input, int partition,
                       task_context& task, keyed_rows& to) {
  struct reading {
    cell& c;
    keyed_table& table;
    const row_type& pairs;
    keyed_rows& to;
    ~reading() {
      for (const std::uint32_t id : to.keys) c.place[id] = 0;
    }
  } self{c, table, input.rows(), to};
  const auto from = task.open(input, partition);
  const sink into{&self, [](void* me, const chunk& rows) {
                    auto& [cell, keys, pairs, found] = *static_cast<reading*>(me);
                    std::uint32_t ids[chunk_capacity];
                    keys.find(pairs.field(0).offset, static_cast<const char*>(rows.rows),
                              pairs.size, rows.count, ids);
                    if (cell.place.size() < keys.ids())
                      cell.place.resize(std::max<std::size_t>(keys.ids(), cell.place.size() * 2));
                    for (std::uint32_t i = 0; i < rows.count; ++i) {
                      std::uint32_t& place = cell.place[ids[i]];
                      if (place == 0) {
                        found.keys.push_back(ids[i]);
                        place = static_cast<std::uint32_t>(found.keys.size());
                      }
                      found.group.push_back(place - 1);
                    }
                    append_values(found.values, rows, pairs);
                    return flow::more;
                  }};
  while (from->step(into) == flow::more)
    if (task.cancelled()) return;
}

batch_result state_store::apply(int partition, std::int64_t number, time_point_ms time,
                                const std::vector<node_ptr>& inputs, task_context& task) {
  cell& c = at(partition);
  const row_type* const emits = operation_->emits();
  std::shared_ptr<row_buffer> emitted;
  if (emits != nullptr) emitted = std::make_shared<row_buffer>(*emits);

  // Before all else, since it may find no memory: what follows `commit` must not.
  renew(c, number);
  const std::shared_ptr<keyed_table> table = c.current->table;
  if (const auto written = written_.load(std::memory_order_relaxed); written != c.written) {
    table->forget_touched(c.current, written);
    c.written = written;
  }

  state_work work{
      *table,       c.memory.get(), task, number, time, {}, staged_changes(operation_->value()),
      emitted.get()};
  for (const node_ptr& input : inputs) {
    work.inputs.emplace_back(*input->rows().field(1).type);
    read(c, *table, *input, partition, task, work.inputs.back());
  }
  if (task.cancelled()) return {};  // rows may be missing
  try {
    operation_->compute(work);
  } catch (...) {
    task.failed_in(operation_->name(), -1);
    throw;
  }
  c.current = table->commit(work.changes, c.current, number);
  operation_->committed(work);
  return {c.current, std::move(emitted), std::move(work.units), c.renew_from};
}

/// Makes the table anew, without the keys that are gone, where most of them are.
void state_store::renew(cell& c, std::int64_t number) const {
  const keyed_table& old = *c.current->table;
  if (old.ids() <= c.renew_from || old.ids() / 2 <= old.alive()) return;
  std::vector<std::uint8_t> keep(old.ids());
  std::uint32_t kept = 0;
  for (std::uint32_t id = 0; id < keep.size(); ++id) {
    keep[id] = old.has(id) || (c.memory != nullptr && c.memory->needs(id)) ? 1 : 0;
    kept += keep[id];
  }
  if (kept > old.ids() / 2) {
    c.renew_from = old.ids() + old.ids() / 4;
    return;
  }
  state_partition fresh = make_partition();
  keyed_table& table = *fresh.current->table;
  std::vector<std::uint32_t> ids;
  table.copy(old, keep, ids);  // the old one may be read yet
  if (tracked_) table.track(number);
  fresh.current = std::make_shared<table_version>(fresh.current->table, c.current->number);
  c.place = {};
  if (c.memory != nullptr) c.memory->renumber(ids);
  c.renew_from = smallest_renewed;
  c.current = std::move(fresh.current);
}

}  // namespace millrace::detail
