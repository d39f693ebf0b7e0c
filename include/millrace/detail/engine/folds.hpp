// The typed loops of reduce, fold and aggregate, and of for_each.
#pragma once

#include <cstdint>
#include <utility>

#include "millrace/detail/dataset/aggregator.hpp"
#include "millrace/detail/dataset/typed_rows.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

/// Notes the row at which an exception leaves a loop.
class row_position {
 public:
  row_position(step_state& step, std::uint32_t rows) : step_(step), rows_(rows) {}
  ~row_position() {
    if (at < rows_) step_.note(at);
  }
  row_position(const row_position&) = delete;
  row_position& operator=(const row_position&) = delete;
  std::uint32_t at = 0;

 private:
  step_state& step_;
  std::uint32_t rows_;
};

template <class A, class T, class F>
void fold_rows(const F& f, row_buffer& to, const T* rows, row_position& position,
               std::uint32_t count) {
  A& kept = *static_cast<A*>(to.data());
  if constexpr (std::is_trivially_copyable_v<A> && !holds_views_v<A>) {
    A sum = kept;  // in a register, not in memory that rows might alias
    for (; position.at < count; ++position.at)
      sum = static_cast<A>(call(f, std::as_const(sum), rows[position.at]));
    kept = sum;
  } else {
    for (; position.at < count; ++position.at)
      assign_combined(kept, call_folding(f, kept, rows[position.at]), to.texts());
  }
}

template <class T, class F>
void reduce_loop(const void* function, row_buffer& to, const chunk& in, step_state& step) {
  if (in.count == 0) return;
  const T* rows = static_cast<const T*>(in.rows);
  row_position position(step, in.count);
  if (to.empty()) {
    add_row<T>(to, rows[0]);
    position.at = 1;
  }
  fold_rows<T>(function_in<F>(function), to, rows, position, in.count);
}

template <class A, class F>
struct fold_function {
  A zero;
  F f;
};

/// Rows of T into an accumulator A that begins as `zero`, in every partition, empty ones too.
template <class A, class T, class F>
void fold_loop_from(const void* function, row_buffer& to, const chunk& in, step_state& step) {
  const auto& fold = function_in<fold_function<A, F>>(function);
  if (to.empty()) add_row<A>(to, fold.zero);
  row_position position(step, in.count);
  fold_rows<A>(fold.f, to, static_cast<const T*>(in.rows), position, in.count);
}

template <class T, class F>
flow for_each_loop(step_state& step, const chunk& in) {
  const F& f = function_in<F>(step.function);
  const T* rows = static_cast<const T*>(in.rows);
  row_position position(step, in.count);
  for (; position.at < in.count; ++position.at) static_cast<void>(call(f, rows[position.at]));
  return flow::more;
}

/// Folds what partitions gave, at the driver, with the same loop.
inline row_buffer fold_at_driver(const partition_fold& f, row_buffer partial) {
  row_buffer result(*f.result);
  step_state step;
  f.loop(f.function.get(), result,
         {partial.data(), static_cast<std::uint32_t>(partial.size()), false}, step);
  return result;
}

}  // namespace millrace::detail
