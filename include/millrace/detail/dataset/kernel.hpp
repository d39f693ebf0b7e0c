// Thin kernels: the only code that is compiled for each user function. A kernel is the function's
// captured state as raw bytes and a pointer to the loop that calls it on one chunk of rows.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "millrace/detail/dataset/cursor.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::detail {

/// A user's function, type-erased; empty for functions without captures.
using function_state = std::shared_ptr<const void>;

/// Not a template: no control block is compiled for each function.
function_state hold_function(void* bytes, void (*destroy)(const void*));

template <class F>
function_state keep_function(F f) {
  if constexpr (std::is_empty_v<F> && std::is_trivially_destructible_v<F>) {
    return {};
  } else {
    void* bytes = ::operator new(sizeof(F), std::align_val_t(alignof(F)));
    ::new (bytes) F(std::move(f));
    return hold_function(bytes, [](const void* p) {
      static_cast<const F*>(p)->~F();
      ::operator delete(const_cast<void*>(p), std::align_val_t(alignof(F)));
    });
  }
}

template <class F>
const F& function_in(const void* state) {
  if constexpr (std::is_empty_v<F> && std::is_trivially_destructible_v<F>) {
    static constexpr char nothing = 0;
    return *reinterpret_cast<const F*>(&nothing);
  } else {
    return *static_cast<const F*>(state);
  }
}

template <class F, class... A>
decltype(auto) call(const F& f, A&&... a) {
  if constexpr (std::is_member_pointer_v<F>) return std::__invoke(f, std::forward<A>(a)...);
  else return f(std::forward<A>(a)...);
}

/// f(so_far, more). What is so far is given away where the function takes it so (by value), and
/// else is as constant as a row is: `[](auto& a, auto& b)` takes constants only.
template <class F, class C, class V>
decltype(auto) call_folding(const F& f, C& so_far, const V& more) {
  if constexpr (std::is_invocable_v<const F&, C&&, const V&>)
    return call(f, std::move(so_far), more);
  else return call(f, std::as_const(so_far), more);
}

/// A function that can't be copied (it holds a std::unique_ptr, say), for where copies are needed.
template <class F>
class shared_function {
 public:
  explicit shared_function(F f) : f_(std::make_shared<const F>(std::move(f))) {}
  template <class... A>
    requires std::is_invocable_v<const F&, A...>
  decltype(auto) operator()(A&&... a) const {
    return (*f_)(std::forward<A>(a)...);
  }

 private:
  std::shared_ptr<const F> f_;
};
template <class F>
struct unshared {
  using type = F;
};
template <class F>
struct unshared<shared_function<F>> {
  using type = F;
};
/// The function itself where it can be copied.
template <class F>
auto copyable(F f) {
  if constexpr (std::is_copy_constructible_v<F>) return f;
  else return shared_function<F>(std::move(f));
}

/// One operation at work in one task.
struct step_state {
  const void* function = nullptr;
  void* buffer = nullptr;  // chunk_capacity rows of the output type, uninitialised
  sink to{};
  std::int64_t rows_before = 0;  // rows of earlier chunks
  std::int64_t failed_row = -1;  // set while an exception leaves the kernel

  void note(std::uint32_t row) { failed_row = rows_before + row; }
};

using kernel_loop = flow (*)(step_state&, const chunk&);

struct kernel {
  function_state function;
  kernel_loop run = nullptr;
};

/// The output rows of a kernel: constructed one by one, pushed as a chunk, destroyed whatever
/// happens. `at` is the input row being worked on, so that an exception can be placed.
template <class U>
class output {
 public:
  output(step_state& step, const chunk& in)
      : rows_(static_cast<U*>(step.buffer)), step_(step), in_(in.count) {}
  output(const output&) = delete;
  output& operator=(const output&) = delete;
  ~output() {
    if (at < in_) step_.note(at);
    clear();
  }

  std::uint32_t at = 0;

  template <class... A>
  void put(A&&... a) {
    ::new (static_cast<void*>(rows_ + count_)) U(std::forward<A>(a)...);
    ++count_;
  }
  /// Written in any case and counted if kept: where the answers are random, a wrong guess of the
  /// processor costs more than a small row does. REQUIRES: trivial to copy and destroy.
  void put_if(bool keep, const U& row) {
    ::new (static_cast<void*>(rows_ + count_)) U(row);
    count_ += keep ? 1 : 0;
  }
  bool full() const { return count_ == chunk_rows; }
  flow flush() {
    if (count_ == 0) return flow::more;
    const flow answer = step_.to({rows_, count_, true});
    clear();
    return answer;
  }
  /// No more input rows are wanted: this is no failure.
  flow stop() {
    at = in_;
    return flow::enough;
  }

 private:
  void clear() {
    if constexpr (!std::is_trivially_destructible_v<U>)
      for (std::uint32_t i = 0; i < count_; ++i) rows_[i].~U();
    count_ = 0;
  }

  U* rows_;
  step_state& step_;
  std::uint32_t in_;
  std::uint32_t count_ = 0;
};

}  // namespace millrace::detail
