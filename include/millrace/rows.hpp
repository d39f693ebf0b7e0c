// What actions return: rows, and single rows, with all that they view.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace {

/// An owning, immutable, random-access range of rows. Copies share the rows; rows and the text that
/// they view live as long as any copy. Safe to read from several threads.
template <class T>
class rows {
 public:
  using value_type = T;
  using reference = const T&;
  using const_reference = const T&;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using iterator = const T*;
  using const_iterator = const T*;

  rows() = default;
  /// For the engine.
  explicit rows(detail::row_buffer buffer)
      : owner_(std::make_shared<const detail::row_buffer>(std::move(buffer))),
        first_(static_cast<const T*>(owner_->data())),
        count_(owner_->size()) {}

  iterator begin() const { return first_; }
  iterator end() const { return first_ + count_; }
  size_type size() const { return count_; }
  bool empty() const { return count_ == 0; }
  /// REQUIRES: i < size().
  const T& operator[](size_type i) const { return first_[i]; }
  /// Throws std::out_of_range.
  const T& at(size_type i) const {
    if (i >= count_) throw std::out_of_range("mr::rows has no row " + std::to_string(i));
    return first_[i];
  }
  const T& front() const { return first_[0]; }
  const T& back() const { return first_[count_ - 1]; }

  /// A copy; only for rows without views, which could not outlive this.
  std::vector<T> to_vector() const {
    static_assert(
        !detail::holds_views_v<T>,
        "millrace: these rows view text that mr::rows owns; copy them into a type that owns "
        "its text (std::string), or keep the mr::rows.");
    return std::vector<T>(begin(), end());
  }

  template <class Range>
    requires(!std::is_same_v<Range, rows>) &&
            requires(const Range& r) { std::begin(r), std::end(r); }
  friend bool operator==(const rows& a, const Range& b) {
    return a.equals(std::begin(b), std::end(b));
  }
  friend bool operator==(const rows& a, const rows& b) { return a.equals(b.begin(), b.end()); }

 private:
  template <class Iterator, class End>
  bool equals(Iterator other, End end) const {
    for (const T& row : *this) {
      if (other == end || !(row == *other)) return false;
      ++other;
    }
    return other == end;
  }

  std::shared_ptr<const detail::row_buffer> owner_;
  const T* first_ = nullptr;
  std::size_t count_ = 0;
};

/// One row with the text that it views.
template <class T>
class row {
 public:
  explicit row(rows<T> one) : one_(std::move(one)) {}
  const T& operator*() const { return one_.front(); }
  const T* operator->() const { return &one_.front(); }
  operator const T&() const { return one_.front(); }
  template <class U>
    requires(!std::is_same_v<U, row>) && requires(const T& a, const U& b) { a == b; }
  friend bool operator==(const row& a, const U& b) {
    return *a == b;
  }
  friend bool operator==(const row& a, const row& b) { return *a == *b; }

 private:
  rows<T> one_;
};

namespace detail {

/// How a single row is returned: as itself, or owning what it views.
template <class T>
using single = std::conditional_t<holds_views_v<T>, row<T>, T>;

template <class T>
single<T> single_row(row_buffer buffer) {
  if constexpr (holds_views_v<T>) return row<T>(rows<T>(std::move(buffer)));
  else return T(std::move(*static_cast<T*>(buffer.data())));
}

}  // namespace detail
}  // namespace millrace
