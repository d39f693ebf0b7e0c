#include "engine/stored.hpp"

#include <algorithm>

namespace millrace::detail {

map_output_ptr map_outputs::fetch(const shuffle& from, int map) const {
  const std::lock_guard lock(mutex_);
  const auto found = shuffles_.find(from.id());
  if (found != shuffles_.end() && !found->second.by_map.empty())
    if (auto output = found->second.by_map[static_cast<std::size_t>(map)].output) return output;
  throw fetch_failure(from.id(), map);
}

void map_outputs::put(const shuffle& from, int map, map_output_ptr output, executor_id where) {
  const std::lock_guard lock(mutex_);
  auto& by_map = shuffles_[from.id()].by_map;
  by_map.resize(static_cast<std::size_t>(from.parent()->partitions()));
  by_map[static_cast<std::size_t>(map)] = {std::move(output), where};
}

std::vector<int> map_outputs::missing(const shuffle& from) const {
  std::vector<int> maps;
  const std::lock_guard lock(mutex_);
  const auto found = shuffles_.find(from.id());
  const bool none = found == shuffles_.end() || found->second.by_map.empty();
  for (int m = 0; m < from.parent()->partitions(); ++m)
    if (none || found->second.by_map[static_cast<std::size_t>(m)].output == nullptr)
      maps.push_back(m);
  return maps;
}

std::shared_ptr<std::mutex> map_outputs::building(const shuffle& from) {
  const std::lock_guard lock(mutex_);
  auto& mutex = shuffles_[from.id()].building;
  if (mutex == nullptr) mutex = std::make_shared<std::mutex>();
  return mutex;
}

void map_outputs::forget(std::int64_t shuffle) noexcept {
  decltype(shuffles_)::node_type ended;  // destroyed after the lock is gone: it may be large
  const std::lock_guard lock(mutex_);
  ended = shuffles_.extract(shuffle);
}

void map_outputs::lose(executor_id where) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, outputs] : shuffles_)
    for (auto& placed : outputs.by_map)
      if (placed.where == where) placed.output = nullptr;
}

namespace {

/// Passes rows on and keeps them; what was read to its end is stored.
class keeping_cursor final : public cursor {
 public:
  keeping_cursor(kept_blocks& blocks, const node& dataset, int partition,
                 std::unique_ptr<cursor> from, const task_context& task, executor_id where)
      : blocks_(blocks),
        node_(dataset),
        partition_(partition),
        task_(task),
        from_(std::move(from)),
        where_(where),
        rows_(std::make_shared<row_buffer>(dataset.rows())) {}

  flow step(const sink& to) override {
    to_ = &to;
    const flow answer = from_->step({this, [](void* self, const chunk& rows) {
                                       auto& me = *static_cast<keeping_cursor*>(self);
                                       // Kept first: a consumer may move rows away.
                                       const chunk copied{rows.rows, rows.count, false};
                                       me.rows_->append(copied);
                                       const flow f = (*me.to_)(copied);
                                       me.stopped_ = me.stopped_ || f == flow::enough;
                                       return f;
                                     }});
    // A cancelled task may have left rows out.
    if (answer == flow::enough && !stopped_ && !task_.cancelled())
      blocks_.put(node_, partition_, std::move(rows_), where_);
    return answer;
  }

 private:
  kept_blocks& blocks_;
  const node& node_;
  int partition_;
  const task_context& task_;
  std::unique_ptr<cursor> from_;
  executor_id where_;
  std::shared_ptr<row_buffer> rows_;
  const sink* to_ = nullptr;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<cursor> kept_blocks::open(const node& dataset, int partition, task_context& task,
                                          executor_id where) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = blocks_.find({dataset.id(), partition}); found != blocks_.end())
      return read_rows(found->second.rows);
  }
  return std::make_unique<keeping_cursor>(*this, dataset, partition, dataset.open(partition, task),
                                          task, where);
}

bool kept_blocks::has_all(const node& dataset) const {
  const std::lock_guard lock(mutex_);
  for (int p = 0; p < dataset.partitions(); ++p)
    if (!blocks_.contains({dataset.id(), p})) return false;
  return true;
}

void kept_blocks::put(const node& dataset, int partition, row_buffer_ptr rows, executor_id where) {
  const std::lock_guard lock(mutex_);
  if (dataset.kept() == storage_level::none) return;  // unpersisted while it was computed
  blocks_[{dataset.id(), partition}] = {std::move(rows), where};
}

void kept_blocks::forget(std::int64_t node) noexcept {
  const std::lock_guard lock(mutex_);
  blocks_.erase(blocks_.lower_bound({node, 0}), blocks_.lower_bound({node + 1, 0}));
}

void kept_blocks::lose(executor_id where) {
  const std::lock_guard lock(mutex_);
  std::erase_if(blocks_, [&](const auto& block) { return block.second.where == where; });
}

}  // namespace millrace::detail
