#pragma once

#include <cstddef>
#include <memory>

#include "millrace/detail/dataset/row_type.hpp"

namespace millrace::detail {

/// Makes a row over one that is there. `build(memory)` makes it elsewhere, so that there is one
/// whatever is thrown.
template <class Build>
void replace_row(const row_type& type, void* row, Build build) {
  const std::unique_ptr<std::byte[]> memory(new std::byte[type.size + type.align]);
  void* fresh = memory.get();
  std::size_t space = type.size + type.align;
  fresh = std::align(type.align, type.size, fresh, space);
  build(fresh);
  destroy_rows(type, row, 1);
  move_rows(type, row, fresh, 1);
  destroy_rows(type, fresh, 1);
}

}  // namespace millrace::detail
