#include "streaming/state/timers.hpp"

#include <algorithm>
#include <utility>

namespace millrace::detail {

void key_timers::renumber(const std::vector<std::uint32_t>& ids) {
  std::vector<std::int64_t> touched;
  for (std::uint32_t id = 0; id < touched_.size() && id < ids.size(); ++id) {
    if (ids[id] == no_id) continue;
    if (touched.size() <= ids[id]) touched.resize(std::size_t{ids[id]} + 1);
    touched[ids[id]] = touched_[id];
  }
  touched_ = std::move(touched);
  for (auto& [batch, keys] : by_batch_) {
    std::erase_if(keys, [&](std::uint32_t id) { return ids[id] == no_id; });
    for (std::uint32_t& id : keys) id = ids[id];
  }
  present = {};
}

std::vector<std::uint32_t> key_timers::due(std::int64_t batch) const {
  std::vector<std::uint32_t> keys;
  const auto found = by_batch_.find(batch - after_);
  if (found == by_batch_.end()) return keys;
  for (const std::uint32_t id : found->second)
    if (last(id) == batch - after_) keys.push_back(id);
  return keys;
}

void key_timers::touch(std::uint32_t id, std::int64_t batch) {
  if (touched_.size() <= id)
    touched_.resize(std::max<std::size_t>(std::size_t{id} + 1, touched_.size() * 2));
  const bool known = (touched_[id] & filed) != 0;
  touched_[id] = batch | filed;
  if (!known) by_batch_[batch].push_back(id);
}

void key_timers::pass(std::int64_t batch, const keyed_table& table) {
  const auto found = by_batch_.find(batch - after_);
  if (found == by_batch_.end()) return;
  const std::vector<std::uint32_t> keys = std::move(found->second);
  by_batch_.erase(found);
  for (const std::uint32_t id : keys) {
    if (table.has(id)) by_batch_[last(id)].push_back(id);
    else touched_[id] &= ~filed;
  }
}

}  // namespace millrace::detail
