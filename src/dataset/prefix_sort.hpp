// Sorting places of rows by 8 bytes of their order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::detail {

/// Where a row lies and the first 8 bytes of its order.
struct sort_item {
  std::uint64_t prefix;
  const char* row;
};

/// By prefix alone. Stable.
void sort_by_prefix(std::vector<sort_item>& items);

/// The same, and by `less` where prefixes are equal.
template <class Less>
void sort_by_prefix(std::vector<sort_item>& items, Less less) {
  sort_by_prefix(items);
  for (std::size_t i = 0; i < items.size();) {
    std::size_t j = i + 1;
    while (j < items.size() && items[j].prefix == items[i].prefix) ++j;
    if (j - i > 1)
      std::stable_sort(items.begin() + static_cast<std::ptrdiff_t>(i),
                       items.begin() + static_cast<std::ptrdiff_t>(j), less);
    i = j;
  }
}

}  // namespace millrace::detail
