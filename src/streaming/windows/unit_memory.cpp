#include "streaming/windows/unit_memory.hpp"

#include <utility>

namespace millrace::detail {

void unit_memory::renumber(const std::vector<std::uint32_t>& ids) {
  unit_list renumbered;
  renumbered.reserve(units_.size());
  for (const auto& unit : units_) {
    window_unit one = *unit;
    for (std::uint32_t& id : one.keys) id = ids[id];
    renumbered.push_back(std::make_shared<const window_unit>(std::move(one)));
  }
  units_ = std::move(renumbered);
}

void unit_memory::restore(keyed_table&, std::int64_t number, unit_list units) {
  std::erase_if(units, [&](const auto& unit) { return unit->number <= leaving_with(number); });
  units_ = std::move(units);
}

void unit_memory::stage(state_work& work, bool with_values) {
  const std::int64_t first = window_.first_of(work.number);
  coming_.clear();
  coming_.reserve(work.inputs.size());
  for (std::size_t i = 0; i < work.inputs.size(); ++i) {
    keyed_rows& rows = work.inputs[i];
    window_unit one{first + static_cast<std::int64_t>(i), std::move(rows.keys), nullptr};
    if (with_values || tracked_)
      one.values = std::make_shared<const row_buffer>(std::move(rows.values));
    coming_.push_back(std::make_shared<const window_unit>(std::move(one)));
  }
  units_.reserve(units_.size() + coming_.size());
  if (!tracked_) return;
  auto all = std::make_shared<unit_list>();
  all->reserve(units_.size() + coming_.size());
  for (const auto& unit : units_)
    if (unit->number > leaving_with(work.number)) all->push_back(unit);
  for (const auto& unit : coming_)
    if (unit->number > leaving_with(work.number)) all->push_back(unit);
  work.units = std::move(all);
}

void unit_memory::enter(std::int64_t batch) noexcept {
  std::size_t left = 0;
  while (left < units_.size() && units_[left]->number <= leaving_with(batch)) ++left;
  units_.erase(units_.begin(), units_.begin() + static_cast<std::ptrdiff_t>(left));
  for (auto& unit : coming_) units_.push_back(std::move(unit));
  coming_.clear();
}

}  // namespace millrace::detail
