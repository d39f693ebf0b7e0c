// The typed ends of state: loops over the keys of a batch and what is kept for them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "millrace/detail/dataset/kernel.hpp"
#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/detail/streaming/stream_node.hpp"
#include "millrace/state.hpp"

namespace millrace::detail {

// ---- update_state_by_key

/// Keys with their new values, those of key g from starts[g] up to starts[g + 1], and their state;
/// null: none. alive[g]: whether it has one afterwards; these come in order into `out`.
struct update_batch {
  task_context* task;
  const char* values;
  const std::uint32_t* starts;
  const void* const* before;
  std::uint32_t count;
  row_buffer* out;
  std::uint8_t* alive;
};
struct update_function {
  function_state function;
  void (*run)(const void* function, const update_batch& batch);
};

template <class V, class S, class F>
update_function update_of(F f) {
  return {keep_function(std::move(f)), [](const void* function, const update_batch& b) {
            const F& update = function_in<F>(function);
            const V* const values = reinterpret_cast<const V*>(b.values);
            for (std::uint32_t g = 0; g < b.count; ++g) {
              std::optional<S> before;
              if (b.before[g] != nullptr) before.emplace(*static_cast<const S*>(b.before[g]));
              std::optional<S> after =
                  call(update, std::span<const V>(values + b.starts[g], values + b.starts[g + 1]),
                       std::move(before));
              b.alive[g] = after ? 1 : 0;
              if (!after) continue;
              ::new (b.out->place()) S(std::move(*after));
              b.out->added();
            }
          }};
}

/// Whether the function is called for keys that have state and no new values: never; in batches in
/// which the parent has a dataset; in every batch.
enum class idle_keys : unsigned char { skipped, called_with_others, called };

/// `pairs`: (K, S). `initial` may be null.
stream_ptr update_state_stream(const stream_ptr& parent, const row_type& pairs, update_function f,
                               idle_keys idle, node_ptr initial, partitioner_ptr by);

// ---- map_with_state

/// Rows of a batch, one after another, and the state of their keys: `now[k]` is that of key k
/// (null: none), either the table's or in `made`, memory for one a key, where is_made[k].
struct state_batch {
  task_context* task;
  const void* keys;
  const std::uint32_t* key_of;  // null: row i is of key i
  const void* values;           // null: the keys time out
  std::uint32_t count;
  const void** now;
  void* made;
  std::uint8_t* is_made;
  std::uint8_t* changed;
};
struct map_state_function {
  function_state function;
  void (*run)(step_state& step, const state_batch& batch);
  const row_type* emits;  // null: nothing
};

struct state_access {
  template <class S>
  static state<S> make(const void* now, bool timing_out) {
    return state<S>(static_cast<const S*>(now), timing_out);
  }
  template <class S>
  static void take(state<S>& from, const state_batch& b, std::uint32_t key) {
    if (!from.updated_ && !from.removed_) return;
    S* const made = static_cast<S*>(b.made) + key;
    if (b.is_made[key] != 0) made->~S();
    b.is_made[key] = 0;
    b.now[key] = nullptr;
    b.changed[key] = 1;
    if (from.removed_) return;
    b.now[key] = ::new (static_cast<void*>(made)) S(std::move(*from.updated_));
    b.is_made[key] = 1;
  }
};

template <class R>
struct emitted_by {
  using type = R;
};
template <class U>
struct emitted_by<std::optional<U>> {
  using type = U;
};

template <class K, class V, class S, class F>
void map_state_loop(step_state& step, const state_batch& b) {
  using R = std::decay_t<std::invoke_result_t<const F&, const K&, const V*, state<S>&>>;
  const F& f = function_in<F>(step.function);
  const auto run = [&](auto take) {
    for (std::uint32_t i = 0; i < b.count; ++i) {
      const std::uint32_t key = b.key_of == nullptr ? i : b.key_of[i];
      auto one = state_access::make<S>(b.now[key], b.values == nullptr);
      const V* const value = b.values == nullptr ? nullptr : static_cast<const V*>(b.values) + i;
      take(static_cast<const K*>(b.keys)[key], value, one);
      state_access::take(one, b, key);
    }
  };
  if constexpr (std::is_void_v<R>) {
    run([&f](const K& key, const V* value, state<S>& one) { call(f, key, value, one); });
  } else {
    using U = typename emitted_by<R>::type;
    output<U> out(step, {nullptr, 0, false});
    run([&](const K& key, const V* value, state<S>& one) {
      auto&& row = call(f, key, value, one);
      if constexpr (std::is_same_v<R, U>) {
        out.put(std::forward<decltype(row)>(row));
      } else {
        if (row) out.put(*std::forward<decltype(row)>(row));
      }
      // Rows may view text of the state that is about to be replaced.
      if (out.full() || (holds_views_v<U> && !std::is_trivially_copyable_v<S>)) out.flush();
    });
    out.flush();
  }
}

/// What the function of a map_with_state gives.
template <class K, class V, class S, class F>
struct map_state_result {
  static_assert(
      std::is_invocable_v<const F&, const K&, const V*, state<S>&>,
      "millrace: the function of map_with_state takes (const K&, const V* value, mr::state<S>&), "
      "value being null when the key times out, and returns a row, a std::optional of one, or "
      "nothing.");
  using type = std::decay_t<std::invoke_result_t<const F&, const K&, const V*, state<S>&>>;
};

template <class K, class V, class S, class F>
map_state_function map_state_of(F f) {
  using R = typename map_state_result<K, V, S, F>::type;
  const row_type* emits = nullptr;
  if constexpr (!std::is_void_v<R>) emits = &row_type_of<typename emitted_by<R>::type>();
  return {keep_function(std::move(f)), map_state_loop<K, V, S, F>, emits};
}

/// `pairs`: (K, S). Rows are what the function emits, or the pairs where it emits nothing. A
/// timeout of 0: none. `initial` may be null.
stream_ptr map_with_state_stream(const stream_ptr& parent, const row_type& pairs,
                                 map_state_function f, node_ptr initial,
                                 std::chrono::milliseconds timeout, partitioner_ptr by);
/// All pairs of a stream that the function above made.
stream_ptr snapshots_stream(const stream_ptr& of, const row_type& pairs, partitioner_ptr by);

}  // namespace millrace::detail
