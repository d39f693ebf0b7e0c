// What one key had in each slide of a window, and the partial results over them.
#pragma once

#include <cstdint>

#include "millrace/detail/dataset/row_type.hpp"

namespace millrace::detail {

/// How values of a tree are combined, in order.
struct slide_fold {
  const row_type* type;
  const void* function;
  void (*combine)(const void* function, const void* a, const void* b, void* to);
};

/// A window of n slides is a ring of n positions; the slide that enters takes the position of the
/// one that leaves. The tree has a leaf for each position at which the key has a value, and an
/// inner value for each place where the binary tree of all positions branches between them.
///
/// At position p, the leaves up to p are the newer ones (this lap), those after it the older. An
/// inner value on the way to p is combined of the newer ones alone; one that p has left behind is
/// whole. So a slide costs one combination for each place on the way with a sibling: at most
/// log2(n), and the order of slides is kept.
class slide_tree {
 public:
  slide_tree() = default;
  slide_tree(slide_tree&& other) noexcept;
  slide_tree& operator=(slide_tree&& other) noexcept;
  slide_tree(const slide_tree&) = delete;
  slide_tree& operator=(const slide_tree&) = delete;
  ~slide_tree();

  bool empty() const { return count_ == 0; }
  /// The slide at `position` enters; `value` null: without the key. The one that was there leaves.
  /// When it throws (`combine` did), the same call again makes the tree whole.
  void enter(const slide_fold& fold, std::uint32_t position, const void* value);
  /// All slides in order, the last being at `position`: constructs the result at `to`. `entered`:
  /// `enter` was called for that one. REQUIRES: not empty; every slide so far entered if the key
  /// was in it or in the one that left.
  void result(const slide_fold& fold, std::uint32_t position, bool entered, void* to) const;

 private:
  struct step {
    std::uint32_t low, middle, high;
    bool right;
  };
  std::uint32_t lower_bound(std::uint32_t low, std::uint32_t high, std::uint32_t position) const;
  std::uint32_t middle_of(std::uint32_t low, std::uint32_t high) const;
  const void* whole(std::uint32_t low, std::uint32_t high) const;
  std::uint32_t descend(std::uint32_t position, step* way, std::uint32_t& low,
                        std::uint32_t& high) const;
  void insert(std::uint32_t at, std::uint32_t position, const void* value);
  void erase(std::uint32_t at);
  void reserve(std::uint32_t leaves);
  void end();

  std::uint32_t* positions() const { return static_cast<std::uint32_t*>(memory_); }
  void* leaf(std::uint32_t i) const;
  void* inner(std::uint32_t i) const;  // between leaf i and the next

  const row_type* type_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t capacity_ = 0;
  void* memory_ = nullptr;  // positions, leaves, inner values
};

}  // namespace millrace::detail
