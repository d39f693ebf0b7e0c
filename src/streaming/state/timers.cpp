#include "streaming/state/timers.hpp"

#include <algorithm>
#include <utility>

namespace millrace::detail {

void key_timers::renumber(const std::vector<std::uint32_t>& ids) {
  std::vector<std::uint8_t> filed;
  for (std::uint32_t id = 0; id < filed_.size() && id < ids.size(); ++id) {
    if (ids[id] == no_id) continue;
    if (filed.size() <= ids[id]) filed.resize(std::size_t{ids[id]} + 1);
    filed[ids[id]] = filed_[id];
  }
  filed_ = std::move(filed);
  for (auto& [batch, keys] : by_batch_) {
    std::erase_if(keys, [&](std::uint32_t id) { return ids[id] == no_id; });
    for (std::uint32_t& id : keys) id = ids[id];
  }
  present = {};
}

void key_timers::restore(keyed_table& table, std::int64_t number, unit_list) {
  filed_.assign(table.ids(), 0);
  by_batch_.clear();
  for (std::uint32_t id = 0; id < table.ids(); ++id) {
    if (!table.has(id)) continue;
    // The program may wait for less time now than it did: those overdue go with the next batch.
    const std::int64_t batch = std::max(table.stamp(id), number + 1 - after_);
    table.stamp(id, batch);
    by_batch_[batch].push_back(id);
    filed_[id] = 1;
  }
}

std::vector<std::uint32_t> key_timers::due(std::int64_t batch, const keyed_table& table) const {
  std::vector<std::uint32_t> keys;
  const auto found = by_batch_.find(batch - after_);
  if (found == by_batch_.end()) return keys;
  for (const std::uint32_t id : found->second)
    if (table.stamp(id) == batch - after_) keys.push_back(id);
  if (!std::is_sorted(keys.begin(), keys.end())) std::sort(keys.begin(), keys.end());
  return keys;
}

void key_timers::prepare(std::int64_t batch, const std::vector<std::uint32_t>& ids,
                         const keyed_table& table) {
  if (filed_.size() < table.ids())
    filed_.resize(std::max<std::size_t>(table.ids(), filed_.size() * 2));
  std::map<std::int64_t, std::size_t> coming;  // how many each list may get
  for (const std::uint32_t id : ids) coming[batch] += filed_[id] == 0 ? 1 : 0;
  const auto found = by_batch_.find(batch - after_);
  if (found != by_batch_.end()) {
    coming[batch] += found->second.size();
    for (const std::uint32_t id : found->second)
      if (table.has(id) && table.stamp(id) != batch - after_) ++coming[table.stamp(id)];
  }
  for (const auto& [to, more] : coming) {
    std::vector<std::uint32_t>& keys = by_batch_[to];
    if (keys.capacity() - keys.size() < more)
      keys.reserve(std::max(keys.size() + more, keys.capacity() * 2));
  }
}

void key_timers::touch(std::uint32_t id, std::int64_t batch) noexcept {
  if (std::exchange(filed_[id], 1) == 0) by_batch_.find(batch)->second.push_back(id);
}

void key_timers::pass(std::int64_t batch, const keyed_table& table) noexcept {
  const auto found = by_batch_.find(batch - after_);
  if (found == by_batch_.end()) return;
  const std::vector<std::uint32_t> keys = std::move(found->second);
  by_batch_.erase(found);
  for (const std::uint32_t id : keys) {
    if (table.has(id)) by_batch_.find(table.stamp(id))->second.push_back(id);
    else filed_[id] = 0;
  }
}

}  // namespace millrace::detail
