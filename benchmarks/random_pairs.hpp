#pragma once
// Rows for sort, group and join: the same ones every time.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace bench {

/// splitmix64: spreads 0, 1, 2 … over all 64-bit numbers, no two onto one.
inline std::uint64_t spread(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

using pair_row = std::pair<std::int64_t, std::int64_t>;

/// Keys drawn from `keys` different ones, values 0, 1, 2 …
inline std::vector<pair_row> random_pairs(std::size_t rows, std::uint64_t keys) {
  std::vector<pair_row> made;
  made.reserve(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const std::uint64_t key = spread(~std::uint64_t{i}) % keys;
    made.emplace_back(static_cast<std::int64_t>(spread(key)), static_cast<std::int64_t>(i));
  }
  return made;
}

/// Each of `keys` keys once, in the order 0, 1, 2 … of their values.
inline std::vector<pair_row> each_key_once(std::uint64_t keys) {
  std::vector<pair_row> made;
  made.reserve(keys);
  for (std::uint64_t key = 0; key < keys; ++key) {
    made.emplace_back(static_cast<std::int64_t>(spread(key)), static_cast<std::int64_t>(key));
  }
  return made;
}

}  // namespace bench
