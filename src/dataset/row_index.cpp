#include "millrace/detail/dataset/row_index.hpp"

#include <bit>
#include <utility>

#include "millrace/detail/base/hash.hpp"

namespace millrace::detail {

indexed_rows::indexed_rows(row_buffer pairs)
    : rows_(std::move(pairs)), slots_(std::bit_ceil(rows_.size() * 2 + 2)) {
  std::vector<bool> kept(rows_.size(), true);
  bool all = true;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    std::size_t& slot = slots_[slot_of(key(i))];
    if (slot != 0) kept[slot - 1] = all = false;
    slot = i + 1;
  }
  if (all) return;
  row_buffer fewer(rows_.type());
  std::vector<std::size_t> place(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (!kept[i]) continue;
    place[i] = fewer.size();
    fewer.append({rows_.row(i), 1, true});
  }
  rows_ = std::move(fewer);
  for (std::size_t& slot : slots_)
    if (slot != 0) slot = place[slot - 1] + 1;
}

const void* indexed_rows::find(const void* key) const {
  const std::size_t row = slots_[slot_of(key)];
  return row == 0 ? nullptr : rows_.row(row - 1);
}

std::size_t indexed_rows::slot_of(const void* wanted) const {
  const row_type& type = *rows_.type().field(0).type;
  // A type's own std::hash may be no more than the number itself.
  std::size_t at = mix(hash_row(type, wanted) ^ hash_constant_0, hash_constant_1);
  for (;; ++at) {
    at &= slots_.size() - 1;
    if (slots_[at] == 0 || equal_rows(type, key(slots_[at] - 1), wanted)) return at;
  }
}

}  // namespace millrace::detail
