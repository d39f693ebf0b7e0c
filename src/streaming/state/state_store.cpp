#include "streaming/state/state_store.hpp"

#include <cstring>
#include <utility>

namespace millrace::detail {

state_memory::~state_memory() = default;
state_operation::~state_operation() = default;
void state_operation::committed(state_work&) const {}

state_store::state_store(std::shared_ptr<const state_operation> operation, int partitions)
    : operation_(std::move(operation)) {
  for (int p = 0; p < partitions; ++p) {
    auto& c = *cells_.emplace_back(std::make_unique<cell>());
    c.current = std::make_shared<table_version>(
        std::make_shared<keyed_table>(operation_->key(), operation_->value()));
    c.memory = operation_->make_memory();
  }
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
  const std::shared_ptr<keyed_table> table = c.current->table;
  const row_type* const emits = operation_->emits();
  std::shared_ptr<row_buffer> emitted;
  if (emits != nullptr) emitted = std::make_shared<row_buffer>(*emits);

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
  c.current = table->commit(work.changes, c.current);
  operation_->committed(work);
  // A table is made anew when most of its keys are gone.
  if (table->ids() > c.renew_from && table->ids() / 2 > table->alive()) renew(c);
  return {c.current, std::move(emitted)};
}

void state_store::renew(cell& c) const {
  const keyed_table& old = *c.current->table;
  std::vector<std::uint8_t> keep(old.ids());
  std::uint32_t kept = 0;
  for (std::uint32_t id = 0; id < keep.size(); ++id) {
    keep[id] = old.has(id) || (c.memory != nullptr && c.memory->needs(id)) ? 1 : 0;
    kept += keep[id];
  }
  c.renew_from = std::max<std::size_t>(smallest_renewed, old.ids() + old.ids() / 4);
  if (kept > old.ids() / 2) return;
  auto table = std::make_shared<keyed_table>(operation_->key(), operation_->value());
  std::vector<std::uint32_t> ids;
  table->copy(old, keep, ids);  // the old one may be read yet
  if (c.memory != nullptr) c.memory->renumber(ids);
  c.place = {};
  c.renew_from = smallest_renewed;
  c.current = std::make_shared<table_version>(std::move(table));
}

}  // namespace millrace::detail
