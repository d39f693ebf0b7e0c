// Rows of a known type into buffers.
#pragma once

#include <new>
#include <utility>

#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::detail {

/// Constructs a row at the end of a buffer of T, which owns what the row views.
template <class T, class... A>
void add_row(row_buffer& to, A&&... a) {
  T* row = ::new (to.place()) T(std::forward<A>(a)...);
  to.added();
  if constexpr (holds_views_v<T>) own_row(to.type(), row, to.texts());
}

}  // namespace millrace::detail
