#include "engine/stored.hpp"

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

std::shared_ptr<map_outputs::building_place> map_outputs::building(const shuffle& from) {
  const std::lock_guard lock(mutex_);
  auto& place = shuffles_[from.id()].building;
  if (place == nullptr) place = std::make_shared<building_place>();
  return place;
}

void map_outputs::forget(std::int64_t shuffle) noexcept {
  decltype(shuffles_)::node_type ended;  // destroyed after the lock is gone: it may be large
  const std::lock_guard lock(mutex_);
  ended = shuffles_.extract(shuffle);
}

void map_outputs::clear() {
  const std::lock_guard lock(mutex_);
  shuffles_.clear();
}

void map_outputs::lose(executor_id where) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, outputs] : shuffles_)
    for (auto& placed : outputs.by_map)
      if (placed.where == where) placed.output = nullptr;
}

}  // namespace millrace::detail
