#include "dataset/prefix_sort.hpp"

#include <utility>

namespace millrace::detail {

namespace {

constexpr std::size_t worth_radix = 2048;

/// Least significant byte first, bytes that are the same everywhere left out.
void radix_sort(std::vector<sort_item>& items) {
  std::vector<std::uint32_t> counts(8 * 256);
  for (const sort_item& x : items)
    for (int b = 0; b < 8; ++b)
      ++counts[static_cast<std::size_t>(b * 256) + (x.prefix >> (8 * b) & 255)];
  std::vector<sort_item> other(items.size());
  for (int b = 0; b < 8; ++b) {
    std::uint32_t* count = counts.data() + b * 256;
    if (std::any_of(count, count + 256, [&](std::uint32_t c) { return c == items.size(); }))
      continue;
    std::uint32_t at = 0;
    for (int d = 0; d < 256; ++d) at += std::exchange(count[d], at);
    for (const sort_item& x : items) other[count[x.prefix >> (8 * b) & 255]++] = x;
    items.swap(other);
  }
}

}  // namespace

void sort_by_prefix(std::vector<sort_item>& items) {
  if (items.size() >= worth_radix) return radix_sort(items);
  std::stable_sort(items.begin(), items.end(),
                   [](const sort_item& a, const sort_item& b) { return a.prefix < b.prefix; });
}

}  // namespace millrace::detail
