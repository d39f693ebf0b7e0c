// reduce_by_key_and_window: what is common to both ways of doing it.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "millrace/detail/streaming/windows.hpp"
#include "streaming/state/state_store.hpp"

namespace millrace::detail {

/// A window counted in units: slides of the parent, several together where the window slides by
/// more. Unit n ends n units after the zero time; units enter one by one and leave after `length`.
struct window_units {
  std::int64_t length;                               // of the window
  std::int64_t slide;                                // of the window
  std::int64_t first_of(std::int64_t batch) const {  // the first that enters with this batch
    const std::int64_t end = batch * slide;
    return end - (slide < length ? slide : length) + 1;
  }
  /// For a window that slides by so much.
  std::string in_words(std::chrono::milliseconds by) const;
};

/// By what enters and what leaves.
std::shared_ptr<const state_operation> window_by_inverse(std::string_view name,
                                                         const row_type& pairs, window_functions f,
                                                         window_units units);
/// By a tree of the slides of each key.
std::shared_ptr<const state_operation> window_by_tree(std::string_view name, const row_type& pairs,
                                                      window_functions f, window_units units);

}  // namespace millrace::detail
