// One partition, row by row: what map_partitions functions are given.
#pragma once

#include <cstddef>
#include <iterator>
#include <utility>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/rows.hpp"

namespace millrace {

/// A single-pass range of `const T&` that holds one chunk of rows at a time, never the partition.
/// A row stays valid until the iterator moves on (while a function whose result views rows runs:
/// until that result was used). One thread.
template <class T>
class partition_rows {
 public:
  class iterator {
   public:
    using value_type = T;
    using reference = const T&;
    using pointer = const T*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    iterator() = default;
    explicit iterator(partition_rows& of) : of_(of.fill() ? &of : nullptr) {}
    const T& operator*() const { return of_->current(); }
    const T* operator->() const { return &of_->current(); }
    iterator& operator++() {
      ++of_->at_;
      if (!of_->fill()) of_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const iterator& other) const { return of_ == other.of_; }

   private:
    partition_rows* of_ = nullptr;
  };
  using value_type = T;

  /// For the engine.
  explicit partition_rows(detail::partition_input& in) : in_(in) {}
  partition_rows(const partition_rows&) = delete;
  partition_rows& operator=(const partition_rows&) = delete;

  /// For connectors: the task that computes the partition.
  const detail::task_context& task() const { return in_.task(); }

  iterator begin() { return iterator(*this); }
  iterator end() { return {}; }

  /// All rows that are left, owned: the whole partition in memory.
  rows<T> to_rows() {
    detail::row_buffer all(detail::row_type_of<T>());
    while (fill()) {
      all.append(
          {const_cast<T*>(&current()), static_cast<std::uint32_t>(in_.count() - at_), false});
      at_ = in_.count();
    }
    return rows<T>(std::move(all));
  }

 private:
  const T& current() const { return static_cast<const T*>(in_.rows())[at_]; }
  bool fill() {
    while (at_ == count_) {
      if (!in_.pull()) {
        count_ = at_ = 0;
        return false;
      }
      at_ = 0;
      count_ = in_.count();
    }
    return true;
  }

  detail::partition_input& in_;
  std::size_t at_ = 0;
  std::size_t count_ = 0;
};

}  // namespace millrace
