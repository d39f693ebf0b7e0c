// Pairs that are kept and found by their key.
#pragma once

#include <cstddef>
#include <vector>

#include "millrace/detail/dataset/row_buffer.hpp"

namespace millrace::detail {

/// Rows that are pairs, each key once. Immutable: any number of readers.
class indexed_rows {
 public:
  /// Of several rows with one key the last is kept, as in Spark's maps. Throws std::bad_alloc.
  explicit indexed_rows(row_buffer pairs);

  const row_buffer& rows() const { return rows_; }
  /// The row with this key, or null.
  const void* find(const void* key) const;
  template <class V>
  const V& value(const void* row) const {
    return *reinterpret_cast<const V*>(static_cast<const char*>(row) +
                                       rows_.type().field(1).offset);
  }

 private:
  std::size_t slot_of(const void* key) const;
  const void* key(std::size_t row) const {
    return static_cast<const char*>(rows_.row(row)) + rows_.type().field(0).offset;
  }

  row_buffer rows_;
  std::vector<std::size_t> slots_;  // row + 1, 0: free; a power of two, at most half full
};

}  // namespace millrace::detail
