#pragma once

#include <cstddef>

#include "millrace/detail/dataset/row_type.hpp"

namespace millrace::detail {

/// About how much memory of their own rows hold outside of themselves: strings, containers. Text
/// that is only viewed counts with the arena it lies in. Costs nothing for trivial rows.
std::size_t heap_bytes(const row_type& type, const void* rows, std::size_t n, std::size_t stride);
inline std::size_t heap_bytes(const row_type& type, const void* rows, std::size_t n) {
  return heap_bytes(type, rows, n, type.size);
}

}  // namespace millrace::detail
