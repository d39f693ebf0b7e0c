#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>

#include "hand.hpp"
#include "tables.hpp"

namespace hand {

void sort_by_key(std::vector<pair_row>& rows) {
  std::sort(rows.begin(), rows.end(),
            [](const pair_row& a, const pair_row& b) { return a.first < b.first; });
}

grouped group_by_key(std::span<const pair_row> rows) {
  boost::unordered_flat_map<std::int64_t, std::vector<std::int64_t>> groups;
  for (const auto& [key, value] : rows) groups[key].push_back(value);
  grouped result;
  result.groups = static_cast<std::int64_t>(groups.size());
  for (const auto& group : groups) {
    result.largest = std::max(result.largest, static_cast<std::int64_t>(group.second.size()));
  }
  return result;
}

joined join(std::span<const pair_row> left, std::span<const pair_row> right) {
  boost::unordered_flat_map<std::int64_t, std::int64_t> values;
  values.reserve(right.size());
  for (const auto& [key, value] : right) values[key] = value;
  joined result;
  for (const auto& [key, value] : left) {
    const auto found = values.find(key);
    if (found == values.end()) continue;
    ++result.rows;
    result.sum += value + found->second;
  }
  return result;
}

namespace {

template <class Map, class Rows>
std::int64_t sum_with(const Rows& rows) {
  Map sums;
  for (const auto& [key, value] : rows) sums[key] += value;
  return static_cast<std::int64_t>(sums.size());
}

}  // namespace

std::int64_t sum_by_key(std::span<const std::pair<std::int64_t, int>> rows) {
  return sum_with<boost::unordered_flat_map<std::int64_t, int>>(rows);
}

std::int64_t sum_by_key(std::span<const std::pair<std::string_view, int>> rows) {
  return sum_with<text_map<int>>(rows);
}

}  // namespace hand
