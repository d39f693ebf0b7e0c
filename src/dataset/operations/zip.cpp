// zip: rows of two datasets in pairs, by position.
#include <algorithm>
#include <string>

#include "millrace/detail/dataset/zipping.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

bool zipped_inputs::next() {
  before_ += count_;
  bool ended[2];
  for (int side = 0; side < 2; ++side) {
    at_[side] += count_;
    ended[side] = at_[side] == in_[side].count();
    if (!ended[side]) continue;
    at_[side] = 0;
    ended[side] = !in_[side].pull();
  }
  if (ended[0] != ended[1])
    throw usage_error(
        "zip: both datasets need the same number of rows in each partition; one has more than " +
        std::to_string(before_) + " in partition " + std::to_string(partition_));
  if (ended[0]) return false;
  const std::size_t n = std::min(in_[0].count() - at_[0], in_[1].count() - at_[1]);
  count_ = static_cast<std::uint32_t>(std::min<std::size_t>(n, chunk_rows));
  return true;
}

const void* zipped_inputs::rows(int side) const {
  return static_cast<const char*>(in_[side].rows()) + at_[side] * in_[side].row_size();
}

}  // namespace millrace::detail
