// The kernels of map, filter, flat_map and their relatives: one loop a user function. Datasets and
// streams are built from the same steps.
#pragma once

#include <concepts>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/detail/dataset/kernel.hpp"
#include "millrace/detail/dataset/node.hpp"
#include "millrace/split.hpp"

namespace millrace {

/// Takes the rows that a `flat_map` or `map_partitions` function makes, when it makes them one by
/// one:
/// `[](const line& l, mr::emit<word>& out) { out(first(l)); out(second(l)); }`.
/// A row that is a view must view the input row or what it views, not a local of the function.
template <class U>
class emit {
 public:
  /// For the engine.
  explicit emit(detail::output<U>& out) : out_(&out) {}

  void operator()(const U& row) { put(row); }
  void operator()(U&& row) { put(std::move(row)); }
  template <class Made>
    requires(detail::dangles<U, Made>())
  void operator()(Made&&) {
    static_assert(!detail::dangles<U, Made>(),
                  "millrace: this is new text, but the rows emitted are views of it, which would "
                  "dangle. Emit std::string: mr::emit<std::string>&.");
  }

  /// True once nobody wants more rows (take, first, cancelling): a function that makes many may
  /// stop.
  bool enough() const { return enough_; }

 private:
  template <class Row>
  void put(Row&& row) {
    if (enough_) return;
    out_->put(std::forward<Row>(row));
    enough_ = out_->full() && out_->flush() == detail::flow::enough;
  }

  detail::output<U>* out_;
  bool enough_ = false;
};

namespace detail {

/// A narrow operation, ready to be put on a parent: a node for a dataset, a stream for a stream.
struct narrow_step {
  const row_type* rows;
  std::string_view operation;
  kernel run;
  bool keeps_partitioner = false;
  // split and words are recognised, so that text is cut block-wise.
  enum class text_cut : unsigned char { none, fields, words } cut = text_cut::none;
  char delimiter = 0;
};
template <class U>
struct typed_step : narrow_step {
  using row = U;
};
node_ptr apply(const node_ptr& parent, const narrow_step& step);

/// What a function gives for a row, stored as a value; refuses what cannot be called.
template <class F, class... A>
struct row_of_call {
  static_assert(
      std::is_invocable_v<const F&, A...>,
      "millrace: this function cannot be called with a row of this dataset as const F& "
      "(a mutable lambda cannot be used: rows are processed by several threads at once).");
  using type = std::decay_t<std::invoke_result_t<const F&, A...>>;
  static_assert(!std::is_void_v<type>,
                "millrace: this function returns nothing, but its result is to be a row.");
};

template <class T, class U, class F>
flow map_loop(step_state& step, const chunk& in) {
  const F& f = function_in<F>(step.function);
  const T* rows = static_cast<const T*>(in.rows);
  output<U> out(step, in);
  for (; out.at < in.count; ++out.at) out.put(call(f, rows[out.at]));
  return out.flush();
}

template <class T, class F>
auto map_step(F f) {
  using U = typename row_of_call<F, const T&>::type;
  return typed_step<U>{
      {&row_type_of<U>(), "map", {keep_function(std::move(f)), map_loop<T, U, F>}}};
}

template <class T, class F>
flow filter_loop(step_state& step, const chunk& in) {
  const F& f = function_in<F>(step.function);
  T* rows = static_cast<T*>(in.rows);
  output<T> out(step, in);
  if constexpr (std::is_trivially_copy_constructible_v<T> && std::is_trivially_destructible_v<T> &&
                sizeof(T) <= 32) {
    for (; out.at < in.count; ++out.at)
      out.put_if(call(f, std::as_const(rows[out.at])), rows[out.at]);
  } else {
    for (; out.at < in.count; ++out.at) {
      if (!call(f, std::as_const(rows[out.at]))) continue;
      if (in.movable) out.put(std::move(rows[out.at]));
      else out.put(std::as_const(rows[out.at]));
    }
  }
  return out.flush();
}

template <class T, class F>
typed_step<T> filter_step(F f) {
  static_assert(std::is_convertible_v<typename row_of_call<F, const T&>::type, bool>,
                "millrace: a filter's function must return bool.");
  return {{&row_type_of<T>(), "filter", {keep_function(std::move(f)), filter_loop<T, F>}, true}};
}

// ---- flat_map: the function returns a range, or takes an emit<U>&

// A function whose last parameter is an emit<U>& makes rows of U. A… is what it is called with
// before that: where its own parameters are `auto`, it is asked what it is for these.
template <class... A>
struct emitted_last {};
template <class U>
struct emitted_last<emit<U>&> {
  using type = U;
};
template <class First, class Second, class... More>
struct emitted_last<First, Second, More...> : emitted_last<Second, More...> {};
template <class M>
struct emitted {};
template <class C, class R, class... A>
struct emitted<R (C::*)(A...) const> : emitted_last<A...> {};
template <class C, class R, class... A>
struct emitted<R (C::*)(A...) const noexcept> : emitted_last<A...> {};
template <class C, class R, class... A>
struct emitted<R (C::*)(A...)> : emitted_last<A...> {};
template <class C, class R, class... A>
struct emitted<R (C::*)(A...) noexcept> : emitted_last<A...> {};
template <class R, class... A>
struct emitted<R (*)(A...)> : emitted_last<A...> {};
template <class R, class... A>
struct emitted<R (*)(A...) noexcept> : emitted_last<A...> {};
template <class F, class... A>
struct emitted_row {};
template <class F, class... A>
  requires requires { &F::operator(); }
struct emitted_row<F, A...> : emitted<decltype(&F::operator())> {};
template <class F, class... A>
  requires std::is_pointer_v<F>
struct emitted_row<F, A...> : emitted<F> {};
template <class F, class... A>
  requires(!std::is_invocable_v<const F&, A...> && requires { &F::template operator()<A...>; })
struct emitted_row<F, A...> : emitted<decltype(&F::template operator()<A...>)> {};
template <class F, class First, class Second>  // whose first parameter is none of `auto`
  requires(!std::is_invocable_v<const F&, First, Second> &&
           requires { &F::template operator()<Second>; })
struct emitted_row<F, First, Second> : emitted<decltype(&F::template operator()<Second>)> {};
template <class F, class... A>
using emitted_by_function = typename emitted_row<typename unshared<F>::type, A...>::type;
template <class F, class... A>
concept emits = requires { typename emitted_by_function<F, A...>; };

template <class T>
struct assignable {
  using type = T;
};
template <class K, class V>
struct assignable<std::pair<const K, V>> {
  using type = std::pair<K, V>;
};
/// What an iterator's elements are as rows: bool for those of std::vector<bool>, which are
/// something that stands for it, and std::pair<K, V> for those of a map, whose K are constants.
template <class Iterator>
struct row_of_iterator {
  using type = typename assignable<std::decay_t<decltype(*std::declval<Iterator&>())>>::type;
};
template <class Iterator>
  requires requires(Iterator& i) {
    { *i } -> std::convertible_to<std::iter_value_t<Iterator>>;
  }
struct row_of_iterator<Iterator> {
  using type = typename assignable<std::iter_value_t<Iterator>>::type;
};

template <class Range>
struct range_element : row_of_iterator<decltype(std::begin(std::declval<Range&>()))> {};
template <class Range>
  requires requires(Range& r) { *r.begin(); }
struct range_element<Range> : row_of_iterator<decltype(std::declval<Range&>().begin())> {};
template <class Range>
concept is_range = requires { typename range_element<std::remove_reference_t<Range>>::type; };

/// Pushes all elements of a range that a function returned. Elements of a container that is the
/// function's own result are moved.
template <class U, class Range>
flow put_all(output<U>& out, Range&& range) {
  constexpr bool owns = !std::is_lvalue_reference_v<Range> &&
                        requires { typename std::remove_cvref_t<Range>::allocator_type; };
  for (auto&& x : range) {
    if constexpr (owns && std::is_same_v<decltype(x), U&>) out.put(std::move(x));
    else out.put(static_cast<decltype(x)>(x));
    if (out.full() && out.flush() == flow::enough) return flow::enough;
  }
  return flow::more;
}

template <class T, class U, class F>
flow flat_map_loop(step_state& step, const chunk& in) {
  const F& f = function_in<F>(step.function);
  const T* rows = static_cast<const T*>(in.rows);
  output<U> out(step, in);
  for (; out.at < in.count; ++out.at) {
    if constexpr (emits<F, const T&>) {
      emit<U> to(out);
      call(f, rows[out.at], to);
      if (to.enough()) return out.stop();
    } else {
      if (put_all(out, call(f, rows[out.at])) == flow::enough) return out.stop();
    }
  }
  return out.flush();
}

template <class T, class F>
struct flat_map_row {
  static_assert(std::is_invocable_v<const F&, const T&>,
                "millrace: this flat_map function cannot be called with a row of this dataset as "
                "const F&; it takes a row, or a row and an mr::emit<U>& with U written out.");
  using range = std::invoke_result_t<const F&, const T&>;
  static_assert(is_range<range>, "millrace: a flat_map function must return a range of rows.");
  using type = typename range_element<std::remove_reference_t<range>>::type;
};
template <class T, class F>
  requires emits<F, const T&>
struct flat_map_row<T, F> {
  using type = emitted_by_function<F, const T&>;
};

template <class T, class F>
auto flat_map_step(F f) {
  using U = typename flat_map_row<T, F>::type;
  typed_step<U> step{{&row_type_of<U>(), "flat_map", {}}};
  if constexpr (std::is_same_v<F, field_splitter>) {
    step.cut = narrow_step::text_cut::fields;
    step.delimiter = f.delimiter;
    static_assert(is_text<T>, "millrace: split works on rows of text.");
  } else if constexpr (std::is_same_v<F, word_splitter>) {
    step.cut = narrow_step::text_cut::words;
    static_assert(is_text<T>, "millrace: words works on rows of text.");
  } else {
    step.run = {keep_function(std::move(f)), flat_map_loop<T, U, F>};
  }
  return step;
}

/// The row type of a function that is given a whole partition: A… is what it is called with.
template <class F, class... A>
struct partition_row {
  static_assert(
      std::is_invocable_v<const F&, A...>,
      "millrace: this function cannot be called as const F& with mr::partition_rows<T>&.");
  using range = std::invoke_result_t<const F&, A...>;
  static_assert(is_range<range>,
                "millrace: a map_partitions function must return a range of rows.");
  using type = typename range_element<std::remove_reference_t<range>>::type;
};
template <class F, class... A>
  requires emits<F, A...>
struct partition_row<F, A...> {
  using type = emitted_by_function<F, A...>;
};

// ---- pairs

template <class P>
using first_of = std::remove_const_t<typename P::first_type>;
template <class P>
using second_of = typename P::second_type;

template <class P, class U, class F>
flow map_values_loop(step_state& step, const chunk& in) {
  using R = std::pair<first_of<P>, U>;
  const F& f = function_in<F>(step.function);
  P* rows = static_cast<P*>(in.rows);
  output<R> out(step, in);
  for (; out.at < in.count; ++out.at) {
    P& row = rows[out.at];
    // The value is passed first: a result may view it, and moving the key does not touch it.
    out.put(std::as_const(row).first, call(f, std::as_const(row).second));
  }
  return out.flush();
}

template <class P, class F>
auto map_values_step(F f) {
  using U = typename row_of_call<F, const second_of<P>&>::type;
  using R = std::pair<first_of<P>, U>;
  return typed_step<R>{{&row_type_of<R>(),
                        "map_values",
                        {keep_function(std::move(f)), map_values_loop<P, U, F>},
                        true}};
}

template <class P, class U, class F>
flow flat_map_values_loop(step_state& step, const chunk& in) {
  using R = std::pair<first_of<P>, U>;
  const F& f = function_in<F>(step.function);
  const P* rows = static_cast<const P*>(in.rows);
  output<R> out(step, in);
  for (; out.at < in.count; ++out.at) {
    const P& row = rows[out.at];
    for (auto&& x : call(f, row.second)) {
      out.put(row.first, static_cast<decltype(x)>(x));
      if (out.full() && out.flush() == flow::enough) return out.stop();
    }
  }
  return out.flush();
}

template <class P, class F>
auto flat_map_values_step(F f) {
  static_assert(!emits<F, const second_of<P>&>,
                "millrace: a flat_map_values function must return a range of values; mr::emit is "
                "for flat_map and map_partitions.");
  using U = typename flat_map_row<second_of<P>, F>::type;
  using R = std::pair<first_of<P>, U>;
  return typed_step<R>{{&row_type_of<R>(),
                        "flat_map_values",
                        {keep_function(std::move(f)), flat_map_values_loop<P, U, F>},
                        true}};
}

}  // namespace detail
}  // namespace millrace
