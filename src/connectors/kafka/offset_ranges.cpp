#include "connectors/kafka/offset_ranges.hpp"

#include <algorithm>

namespace millrace::detail::kafka {

void share_out(std::vector<millrace::kafka::offset_range>& waiting, std::int64_t max_records) {
  double total = 0;
  for (const auto& range : waiting) total += static_cast<double>(range.count());
  if (total <= static_cast<double>(max_records)) return;
  const double part = static_cast<double>(max_records) / total;
  for (auto& range : waiting) {
    if (range.count() == 0) continue;
    const auto records = static_cast<std::int64_t>(static_cast<double>(range.count()) * part);
    range.until = range.from + std::max<std::int64_t>(records, 1);
  }
}

}  // namespace millrace::detail::kafka
