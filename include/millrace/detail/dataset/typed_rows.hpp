// Rows of a known type into buffers.
#pragma once

#include <new>
#include <type_traits>
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

/// The order of rows that sorts use: a type's own `<`, or found field by field.
template <class T>
struct row_less {
  bool operator()(const T& a, const T& b) const {
    if constexpr (std::is_integral_v<T> || is_text<T>) return a < b;
    else return less_rows(row_type_of<T>(), &a, &b);
  }
};

}  // namespace millrace::detail
