// The typed ends of windows: loops over the values of a window's keys.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

#include "millrace/detail/dataset/aggregator.hpp"
#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/detail/streaming/stream_node.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

/// `n` keys of a window: their value in the window before, what leaves it, what enters it; null
/// where there is none.
struct window_change {
  task_context* task;
  const void* const* before;
  const void* const* leaving;
  const void* const* entering;
  std::uint32_t count;
  row_buffer* out;  // `count` values
};

struct window_functions {
  function_state function;
  /// Constructs f(a, b) at `to`.
  void (*combine)(const void* function, const void* a, const void* b, void* to) = nullptr;
  /// f(inverse(before, leaving), entering); null without an inverse.
  void (*move)(const void* function, const window_change& change) = nullptr;
  /// keep[i]: whether the row of out stays; null without a filter. `pairs` are rows.
  void (*filter)(const void* function, const void* pairs, std::uint32_t n,
                 std::uint8_t* keep) = nullptr;
};

struct no_filter {};
struct no_inverse {};
template <class F, class Inverse, class Filter>
struct window_function {
  F f;
  Inverse inverse;
  Filter filter;
};

template <class K, class V, class F, class Inverse = no_inverse, class Filter = no_filter>
window_functions functions_of_window(F f, Inverse inverse = {}, Filter filter = {}) {
  using functions = window_function<F, Inverse, Filter>;
  window_functions w;
  w.combine = [](const void* state, const void* a, const void* b, void* to) {
    ::new (to) V(call(function_in<functions>(state).f, *static_cast<const V*>(a),
                      *static_cast<const V*>(b)));
  };
  if constexpr (!std::is_same_v<Inverse, no_inverse>) {
    w.move = [](const void* state, const window_change& c) {
      const functions& user = function_in<functions>(state);
      for (std::uint32_t i = 0; i < c.count; ++i) {
        const V* before = static_cast<const V*>(c.before[i]);
        const V* leaving = static_cast<const V*>(c.leaving[i]);
        const V* entering = static_cast<const V*>(c.entering[i]);
        void* const to = c.out->place();
        if (before == nullptr) {
          if (entering == nullptr) {
            throw error(
                "Neither previous window has value for key, nor new values found. Are you sure "
                "your key class hashes consistently? (A filter may refuse a pair only when "
                "nothing of its key is left in the window.)");
          }
          ::new (to) V(*entering);
        } else if (leaving == nullptr) {
          if (entering == nullptr) ::new (to) V(*before);
          else ::new (to) V(call(user.f, *before, *entering));
        } else if (entering == nullptr) {
          ::new (to) V(call(user.inverse, *before, *leaving));
        } else {
          const V rest(call(user.inverse, *before, *leaving));
          ::new (to) V(call(user.f, rest, *entering));
        }
        c.out->added();
      }
    };
  }
  if constexpr (!std::is_same_v<Filter, no_filter>) {
    w.filter = [](const void* state, const void* pairs, std::uint32_t n, std::uint8_t* keep) {
      const functions& user = function_in<functions>(state);
      const auto* rows = static_cast<const std::pair<K, V>*>(pairs);
      for (std::uint32_t i = 0; i < n; ++i) keep[i] = call(user.filter, rows[i]) ? 1 : 0;
    };
  }
  w.function = keep_function(functions{std::move(f), std::move(inverse), std::move(filter)});
  return w;
}

/// A window's length and slide in milliseconds; a slide of 0 is the parent's.
struct window_size {
  std::chrono::milliseconds length;
  std::chrono::milliseconds slide;
};

/// The rows of the last `length`, every `slide`. usage_error: not multiples of the parent's slide.
stream_ptr window_stream(const stream_ptr& parent, std::string_view operation, window_size size);
/// Pairs reduced over a window. `a` reduces within a slide, `f` what the slides gave; by what
/// enters and leaves where there is an inverse, else by a tree of the slides a key.
stream_ptr reduced_window_stream(const stream_ptr& parent, const row_type& pairs,
                                 std::string_view operation, aggregator a, window_functions f,
                                 window_size size, partitioner_ptr by);

}  // namespace millrace::detail
