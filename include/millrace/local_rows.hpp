// A dataset's rows at the driver, a partition at a time.
#pragma once

#include <cstddef>
#include <iterator>
#include <utility>

#include "millrace/detail/engine/jobs.hpp"
#include "millrace/rows.hpp"

namespace millrace {

/// A single-pass range of `const T&`, in the order of collect(). Each partition is computed by a
/// job of its own when the iterator comes to it, and held until the iterator leaves it: as much
/// memory as the largest partition. Going on throws what an action throws. One thread.
template <class T>
class local_rows {
 public:
  class iterator {
   public:
    using value_type = T;
    using reference = const T&;
    using pointer = const T*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    iterator() = default;
    explicit iterator(local_rows& of) : of_(of.fill() ? &of : nullptr) {}
    const T& operator*() const { return of_->now_[of_->at_]; }
    const T* operator->() const { return &of_->now_[of_->at_]; }
    iterator& operator++() {
      ++of_->at_;
      if (!of_->fill()) of_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const iterator& other) const { return of_ == other.of_; }

   private:
    local_rows* of_ = nullptr;
  };
  using value_type = T;

  /// For the engine.
  explicit local_rows(detail::node_ptr dataset) : dataset_(std::move(dataset)) {}
  local_rows(const local_rows&) = delete;
  local_rows& operator=(const local_rows&) = delete;

  iterator begin() { return iterator(*this); }
  iterator end() { return {}; }

 private:
  bool fill() {
    while (at_ == now_.size()) {
      now_ = {};
      at_ = 0;
      if (next_ == dataset_->partitions()) return false;
      now_ = rows<T>(detail::collect_rows(dataset_, {next_}, "local_iterator"));
      ++next_;
    }
    return true;
  }

  detail::node_ptr dataset_;
  rows<T> now_;
  std::size_t at_ = 0;
  int next_ = 0;
};

}  // namespace millrace
