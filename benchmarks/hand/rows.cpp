// Loops over rows in memory, as somebody writes them for one operation.
#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "hand.hpp"
#include "tables.hpp"

namespace hand {
namespace {

constexpr std::size_t chunk = 1024;

/// What was written there counts as read.
template <class T>
void use(std::array<T, chunk>& rows) {
  asm volatile("" : : "r"(rows.data()) : "memory");
}

template <class T>
using flat_set = std::conditional_t<std::is_same_v<T, std::string_view>,
                                    boost::unordered_flat_set<std::string_view, text_hash>,
                                    boost::unordered_flat_set<T>>;
template <class K, class V>
using flat_map = std::conditional_t<std::is_same_v<K, std::string_view>, text_map<V>,
                                    boost::unordered_flat_map<K, V>>;

}  // namespace

template <class T>
std::int64_t map_rows(std::span<const T> rows) {
  std::array<T, chunk> out;
  for (std::size_t at = 0; at < rows.size();) {
    const std::size_t n = std::min(chunk, rows.size() - at);
    for (std::size_t i = 0; i < n; ++i) out[i] = mapped(rows[at + i]);
    use(out);
    at += n;
  }
  return static_cast<std::int64_t>(rows.size());
}

template <class T>
std::int64_t filter_rows(std::span<const T> rows) {
  std::array<T, chunk> out;
  std::int64_t count = 0;
  for (std::size_t at = 0; at < rows.size();) {
    const std::size_t n = std::min(chunk, rows.size() - at);
    std::size_t size = 0;
    for (std::size_t i = 0; i < n; ++i) {
      out[size] = rows[at + i];
      size += kept(rows[at + i]) ? 1 : 0;
    }
    use(out);
    count += static_cast<std::int64_t>(size);
    at += n;
  }
  return count;
}

template <class T>
T largest_row(std::span<const T> rows) {
  T most = rows[0];
  for (const T& row : rows) most = most < row ? row : most;
  return most;
}

template <class T>
void sort_rows(std::vector<T>& rows) {
  std::sort(rows.begin(), rows.end());
}

template <class T>
std::int64_t distinct_rows(std::span<const T> rows) {
  flat_set<T> seen;
  for (const T& row : rows) seen.insert(row);
  return static_cast<std::int64_t>(seen.size());
}

template <class K>
std::int64_t reduce_rows(std::span<const std::pair<K, std::int64_t>> rows) {
  flat_map<K, std::int64_t> sums;
  for (const auto& [key, value] : rows) sums[key] += value;
  return static_cast<std::int64_t>(sums.size());
}

template <class K>
std::int64_t group_rows(std::span<const std::pair<K, std::int64_t>> rows) {
  flat_map<K, std::vector<std::int64_t>> groups;
  for (const auto& [key, value] : rows) groups[key].push_back(value);
  return static_cast<std::int64_t>(groups.size());
}

template <class K>
std::int64_t join_rows(std::span<const std::pair<K, std::int64_t>> left,
                       std::span<const std::pair<K, std::int64_t>> right) {
  flat_map<K, std::int64_t> values;
  values.reserve(right.size());
  for (const auto& [key, value] : right) values[key] = value;
  std::array<std::pair<K, std::pair<std::int64_t, std::int64_t>>, chunk> out;
  std::int64_t count = 0;
  for (const auto& [key, value] : left) {
    const auto found = values.find(key);
    if (found == values.end()) continue;
    out[static_cast<std::size_t>(count++) % chunk] = {key, {value, found->second}};
    if (static_cast<std::size_t>(count) % chunk == 0) use(out);
  }
  use(out);
  return count;
}

#define MILLRACE_HAND_ROWS(T)                                                     \
  template std::int64_t map_rows(std::span<const T>);                             \
  template std::int64_t filter_rows(std::span<const T>);                          \
  template T largest_row(std::span<const T>);                                     \
  template void sort_rows(std::vector<T>&);                                       \
  template std::int64_t distinct_rows(std::span<const T>);                        \
  template std::int64_t reduce_rows(std::span<const std::pair<T, std::int64_t>>); \
  template std::int64_t group_rows(std::span<const std::pair<T, std::int64_t>>);  \
  template std::int64_t join_rows(std::span<const std::pair<T, std::int64_t>>,    \
                                  std::span<const std::pair<T, std::int64_t>>);
MILLRACE_HAND_ROWS(std::int64_t)
MILLRACE_HAND_ROWS(std::string_view)
#undef MILLRACE_HAND_ROWS

}  // namespace hand
