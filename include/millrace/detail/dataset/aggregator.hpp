// The user's functions over the values of equal keys: typed loops over slots that the untyped table
// found.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/detail/dataset/kernel.hpp"

namespace millrace::detail {

/// `count` values, `stride` bytes apart, and the slot of each one's key. A slot whose lowest bit is
/// set belongs to a new key: its value is unmade memory. Slots of new keys come in the order in
/// which their entries lie, and `made` counts those that were constructed, so that after an
/// exception exactly these are destroyed.
struct fold_batch {
  void* const* slots;
  const char* values;
  std::uint32_t stride;
  std::uint32_t count;
  arena* texts;
  std::uint32_t* made;
};
using fold_loop = void (*)(const void* function, const fold_batch& batch);

/// Sums that the engine does itself, find and add in one loop.
enum class known_sum : std::uint8_t { none, int32, int64, real };

struct aggregator {
  std::string_view operation;  // a literal, for errors
  const row_type* key = nullptr;
  const row_type* value = nullptr;  // null with `combined`: keys alone (distinct)
  const row_type* combined = nullptr;
  std::uint32_t key_at = 0;  // in an input row
  std::uint32_t value_at = 0;
  function_state function;
  fold_loop fold_values = nullptr;    // values of rows into combined ones
  fold_loop fold_combined = nullptr;  // combined ones of several partitions into one
  known_sum sum = known_sum::none;
};

/// `C& slot = f(slot, v)`, keeping alive what the result views.
template <class C, class Result>
void assign_combined(C& slot, Result&& result, arena& texts) {
  if constexpr (!holds_views_v<C>) {
    if constexpr (std::is_trivially_copyable_v<C>) {
      slot = static_cast<C>(result);
    } else {
      C next(std::forward<Result>(result));  // the result may be a reference into the slot
      slot = std::move(next);
    }
  } else {
    static_assert(!dangles<C, std::decay_t<Result>>(),
                  "millrace: this function makes new text, but the rows hold std::string_view, "
                  "which would dangle. Map the values to std::string first.");
    C next(std::forward<Result>(result));
    // Most folds keep one of the two: no copy where the slot stays as it is.
    if constexpr (std::is_trivially_copy_constructible_v<C>)
      if (std::memcmp(static_cast<const void*>(&next), static_cast<const void*>(&slot),
                      sizeof(C)) == 0)
        return;
    own_row(row_type_of<C>(), &next, texts);
    slot = std::move(next);
  }
}

template <class V, class C, class Create, class Merge>
void fold_into_slots(const fold_batch& b, const Create& create, const Merge& merge) {
  for (std::uint32_t i = 0; i < b.count; ++i) {
    const V& value = *reinterpret_cast<const V*>(b.values + std::size_t{i} * b.stride);
    const auto slot = reinterpret_cast<std::uintptr_t>(b.slots[i]);
    if ((slot & 1) != 0) [[unlikely]] {
      C* fresh = ::new (reinterpret_cast<void*>(slot - 1)) C(create(value));
      ++*b.made;
      if constexpr (holds_views_v<C>) own_row(row_type_of<C>(), fresh, *b.texts);
    } else {
      C& combined = *reinterpret_cast<C*>(slot);
      assign_combined(combined, merge(std::move(combined), value), *b.texts);
    }
  }
}

template <class V, class F>
void fold_reduce(const void* function, const fold_batch& b) {
  const F& f = function_in<F>(function);
  fold_into_slots<V, V>(
      b, [](const V& v) -> const V& { return v; },
      [&f](V&& a, const V& v) -> decltype(auto) { return call_folding(f, a, v); });
}

template <class V, class F>
constexpr known_sum known_sum_of() {
  constexpr bool plus = std::is_same_v<F, std::plus<>> || std::is_same_v<F, std::plus<V>>;
  if constexpr (!plus) return known_sum::none;
  else if constexpr (std::is_same_v<V, double>) return known_sum::real;
  else if constexpr (std::is_integral_v<V> && sizeof(V) == 4) return known_sum::int32;
  else if constexpr (std::is_integral_v<V> && sizeof(V) == 8) return known_sum::int64;
  else return known_sum::none;
}

/// For `reduce_by_key(f)` on rows of type std::pair<K, V>.
template <class K, class V, class F>
aggregator reduce_aggregator(F f) {
  const auto& row = row_type_of<std::pair<K, V>>();
  aggregator a;
  a.key = row.field(0).type;
  a.value = a.combined = row.field(1).type;
  a.key_at = row.field(0).offset;
  a.value_at = row.field(1).offset;
  a.fold_values = a.fold_combined = fold_reduce<V, F>;
  a.sum = known_sum_of<V, F>();
  a.function = keep_function(std::move(f));
  return a;
}

template <class Create, class MergeValue, class MergeCombiners>
struct combine_functions {
  Create create;
  MergeValue merge_value;
  MergeCombiners merge_combiners;
};

/// For `combine_by_key` and what is made of it: V in, C out.
template <class K, class V, class C, class Create, class MergeValue, class MergeCombiners>
aggregator combine_aggregator(Create create, MergeValue merge_value,
                              MergeCombiners merge_combiners) {
  using functions = combine_functions<Create, MergeValue, MergeCombiners>;
  const auto& row = row_type_of<std::pair<K, V>>();
  aggregator a;
  a.key = row.field(0).type;
  a.value = row.field(1).type;
  a.combined = &row_type_of<C>();
  a.key_at = row.field(0).offset;
  a.value_at = row.field(1).offset;
  a.fold_values = [](const void* state, const fold_batch& b) {
    const auto& f = function_in<functions>(state);
    fold_into_slots<V, C>(
        b, [&f](const V& v) -> decltype(auto) { return call(f.create, v); },
        [&f](C&& c, const V& v) -> decltype(auto) { return call_folding(f.merge_value, c, v); });
  };
  a.fold_combined = [](const void* state, const fold_batch& b) {
    const auto& f = function_in<functions>(state);
    fold_into_slots<C, C>(
        b, [](const C& c) -> const C& { return c; },
        [&f](C&& c, const C& d) -> decltype(auto) {
          return call_folding(f.merge_combiners, c, d);
        });
  };
  a.function = keep_function(
      functions{std::move(create), std::move(merge_value), std::move(merge_combiners)});
  return a;
}

}  // namespace millrace::detail
