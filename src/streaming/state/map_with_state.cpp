// map_with_state
#include <algorithm>
#include <utility>

#include "millrace/detail/streaming/operations.hpp"
#include "millrace/detail/streaming/state.hpp"
#include "millrace/error.hpp"
#include "streaming/state/operations.hpp"
#include "streaming/state/timers.hpp"

namespace millrace::detail {
namespace {

/// Some keys and what becomes of their state.
class keys_at_work {
 public:
  keys_at_work(const keyed_table& table, const std::vector<std::uint32_t>& ids)
      : keys_at_work(ids, table) {  // from here on, what was made ends with this
    const auto n = static_cast<std::uint32_t>(ids.size());
    table.make_keys(ids.data(), n, keys_.get(), key_.size, texts_);
    count_ = n;
    table.read(ids.data(), n, now.data(), kept_);
  }
  ~keys_at_work() {
    destroy_rows(key_, keys_.get(), count_);
    for (std::size_t i = 0; i < is_made.size(); ++i)
      if (is_made[i] != 0) destroy_rows(value_, made(i), 1);
  }
  keys_at_work(const keys_at_work&) = delete;
  keys_at_work& operator=(const keys_at_work&) = delete;

  void run(const map_state_function& f, task_context& task, step_state& step,
           const std::uint32_t* key_of, const void* values, std::size_t count) {
    f.run(step, {&task, keys_.get(), key_of, values, static_cast<std::uint32_t>(count), now.data(),
                 made_.get(), is_made.data(), changed.data()});
  }
  void stage(const keyed_table& table, staged_changes& changes) {
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      if (changed[i] == 0 && table.stamped() && table.has(ids_[i])) changes.seen.push_back(ids_[i]);
      if (changed[i] == 0 || (now[i] == nullptr && !table.has(ids_[i]))) continue;
      changes.ids.push_back(ids_[i]);
      changes.alive.push_back(is_made[i]);
      if (is_made[i] != 0) changes.values.append({made(i), 1, true});
    }
  }

 private:
  keys_at_work(const std::vector<std::uint32_t>& ids, const keyed_table& table)
      : ids_(ids),
        key_(table.key()),
        value_(table.value_type()),
        keys_(allocate_aligned(ids.size() * key_.size)),
        made_(allocate_aligned(ids.size() * value_.size)),
        kept_(value_),
        now(ids.size()),
        is_made(ids.size()),
        changed(ids.size()) {}

  void* made(std::size_t i) const { return static_cast<char*>(made_.get()) + i * value_.size; }

  const std::vector<std::uint32_t>& ids_;
  const row_type& key_;
  const row_type& value_;
  aligned_memory keys_;
  aligned_memory made_;
  row_buffer kept_;
  arena texts_;
  std::size_t count_ = 0;
  std::vector<const void*> now;
  std::vector<std::uint8_t> is_made;
  std::vector<std::uint8_t> changed;
};

class map_with_state final : public state_operation {
 public:
  /// A key times out `after` batches after its last row; 0: never.
  map_with_state(const row_type& pairs, map_state_function f, std::int64_t after)
      : state_operation("map_with_state", *pairs.field(0).type, *pairs.field(1).type),
        f_(std::move(f)),
        after_(after) {}

  const row_type* emits() const override { return f_.emits; }
  std::unique_ptr<state_memory> make_memory() const override {
    return after_ == 0 ? nullptr : std::make_unique<key_timers>(after_);
  }

  bool stamped() const override { return after_ != 0; }

  void compute(state_work& work) const override {
    if (after_ != 0) {
      auto& timers = static_cast<key_timers&>(*work.memory);
      static const std::vector<std::uint32_t> none;
      timers.prepare(counted_as(work.number), work.inputs.empty() ? none : work.inputs[0].keys,
                     work.table);
    }
    if (work.number == 0) return load(work);
    aligned_memory buffer;
    step_state step;
    step.function = f_.function.get();
    if (work.emitted != nullptr) {
      buffer = allocate_aligned(std::size_t{chunk_capacity} * f_.emits->size);
      step.buffer = buffer.get();
      step.to = work.emitted->collector();
    }
    if (!work.inputs.empty()) {
      const keyed_rows& rows = work.inputs[0];
      keys_at_work keys(work.table, rows.keys);
      keys.run(f_, work.task, step, rows.group.data(), rows.values.data(), rows.group.size());
      keys.stage(work.table, work.changes);
    }
    if (after_ != 0) time_out(work, step);
  }

  void committed(state_work& work) const noexcept override {
    if (after_ == 0) return;
    auto& timers = static_cast<key_timers&>(*work.memory);
    const std::int64_t batch = counted_as(work.number);
    for (const keyed_rows& rows : work.inputs)
      for (const std::uint32_t id : rows.keys)
        if (work.table.has(id)) timers.touch(id, batch);
    if (work.number != 0) timers.pass(work.number, work.table);
  }

 private:
  /// What was there before the first batch counts from that one on.
  static std::int64_t counted_as(std::int64_t batch) { return std::max<std::int64_t>(batch, 1); }

  void time_out(state_work& work, step_state& step) const {
    auto& timers = static_cast<key_timers&>(*work.memory);
    std::vector<std::uint32_t> ids = timers.due(work.number, work.table);
    if (ids.empty()) return;
    timers.present.resize(std::max<std::size_t>(timers.present.size(), work.table.ids()));
    for (const keyed_rows& rows : work.inputs)
      for (const std::uint32_t id : rows.keys) timers.present[id] = 1;
    std::erase_if(ids,
                  [&](std::uint32_t id) { return timers.present[id] != 0 || !work.table.has(id); });
    for (const keyed_rows& rows : work.inputs)
      for (const std::uint32_t id : rows.keys) timers.present[id] = 0;

    keys_at_work keys(work.table, ids);
    keys.run(f_, work.task, step, nullptr, nullptr, ids.size());
    work.changes.ids.insert(work.changes.ids.end(), ids.begin(), ids.end());
    work.changes.alive.resize(work.changes.ids.size());
  }

  map_state_function f_;
  std::int64_t after_;
};

struct snapshots {
  const row_type* pairs;
  partitioner_ptr by;
};

}  // namespace

stream_ptr map_with_state_stream(const stream_ptr& parent, const row_type& pairs,
                                 map_state_function f, node_ptr initial,
                                 std::chrono::milliseconds timeout, partitioner_ptr by) {
  if (timeout.count() < 0)
    throw usage_error("map_with_state: the timeout must not be negative: " +
                      std::to_string(timeout.count()) + " ms");
  const row_type& rows = f.emits != nullptr ? *f.emits : pairs;
  const std::int64_t after = timeout.count() == 0 ? 0 : timeout / parent->slide() + 1;
  const bool emits = f.emits != nullptr;
  auto operation = std::make_shared<map_with_state>(pairs, std::move(f), after);
  auto stream = std::make_shared<keyed_state_stream>(
      stream_node::facts{parent->engine(), &rows, operation->name(), {parent}}, operation,
      std::move(by), std::move(initial));
  // Nothing can be made of what a function does that gives nothing, so it is an output itself. Its
  // job has nothing to do: state is brought to each batch in any case.
  if (!emits)
    add_output(stream, operation->name(), {{}, [](const void*, const node_ptr&, time_point_ms) {}});
  return stream;
}

stream_ptr snapshots_stream(const stream_ptr& of, const row_type& pairs, partitioner_ptr by) {
  return derived_stream({of}, pairs, "snapshots",
                        {keep_function(snapshots{&pairs, std::move(by)}),
                         [](const void* function, const node_ptr* parents, time_point_ms) {
                           const auto& f = function_in<snapshots>(function);
                           return snapshot_of(
                               std::dynamic_pointer_cast<const state_dataset>(parents[0]), *f.pairs,
                               f.by);
                         }},
                        missing_parent::gives_none);
}

}  // namespace millrace::detail
