// A stream: a dataset a batch.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/batch_time.hpp"
#include "millrace/detail/streaming/operations.hpp"
#include "millrace/detail/streaming/state.hpp"
#include "millrace/detail/streaming/windows.hpp"
#include "millrace/rdd.hpp"
#include "millrace/sink.hpp"
#include "millrace/state.hpp"

namespace millrace {

/// A stretch of time that slides over a stream: the last `length`, every `slide` (0: as often as
/// the stream has a batch). Both must be multiples of the stream's own slide, else usage_error. The
/// first windows are shorter: there is nothing before the start.
struct window {
  std::chrono::milliseconds length{0};
  std::chrono::milliseconds slide{0};
};

template <class T>
class dstream;
template <class Out, class K, class S>
class mapped_dstream;

namespace detail {

/// Calls f(datasets…) or f(datasets…, time), whichever it takes.
template <class F, class... Rdd>
decltype(auto) call_with_time(const F& f, time_point_ms time, const Rdd&... datasets) {
  if constexpr (std::is_invocable_v<const F&, const Rdd&..., time_point_ms>) {
    return call(f, datasets..., time);
  } else {
    static_assert(
        std::is_invocable_v<const F&, const Rdd&...>,
        "millrace: this function must take the datasets of a batch, as const mr::rdd<T>&, "
        "and may take the batch's time after them.");
    (void)time;
    return call(f, datasets...);
  }
}

template <class S>
concept is_stream = requires(const S& s) {
  typename S::row_type;
  { s.node() } -> std::convertible_to<stream_ptr>;
};

template <class R>
struct row_of_rdd {
  static_assert(sizeof(R) == 0, "millrace: this function must return an mr::rdd.");
};
template <class U>
struct row_of_rdd<rdd<U>> {
  using type = U;
};

/// A stream made by a typed function on the datasets of one batch.
template <class... T, class F>
auto derive(std::vector<stream_ptr> parents, std::string_view operation, missing_parent missing,
            F f);

}  // namespace detail

/// A handle on a stream: for each batch time an immutable dataset. Operations make new streams and
/// run nothing; output operations (print, for_each_rdd, save …) are what every batch runs, in the
/// order in which they were registered. Copies share the stream.
///
/// Streams are built before `start`, by one thread; afterwards every operation is a `usage_error`.
/// Functions are called as those of `mr::rdd` are, but for those of `transform`, `transform_with`
/// and `for_each_rdd`: these run in the program's own process, once a batch.
///
/// A batch without rows still has a dataset, an empty one. A stream may have no dataset at all at a
/// time (a window that slides by two batches, one time in two): then what is made of it row by row
/// or by key has none either and its outputs do not run, while union, count, transform and the
/// joins fail.
template <class T>
class dstream {
 public:
  using row_type = T;

  /// For the engine.
  explicit dstream(detail::stream_ptr node) : node_(std::move(node)) {}
  const detail::stream_ptr& node() const { return node_; }

  /// How often it has a dataset: the batch interval, or what the last window set.
  std::chrono::milliseconds slide() const { return node_->slide(); }

  // ---- row by row

  template <class F>
  auto map(F f) const {
    return on_rows(detail::map_step<T>(std::move(f)));
  }
  /// `f` returns a range of rows, or takes `(const T&, mr::emit<U>&)`.
  template <class F>
  auto flat_map(F f) const {
    return on_rows(detail::flat_map_step<T>(std::move(f)));
  }
  template <class F>
  dstream filter(F f) const {
    return on_rows(detail::filter_step<T>(std::move(f)));
  }
  /// (f(row), row)
  template <class F>
  auto key_by(F f) const {
    return each("key_by",
                [f = detail::copyable(std::move(f))](const rdd<T>& r) { return r.key_by(f); });
  }

  // ---- partition by partition

  /// `f(mr::partition_rows<T>&)` returns a range of rows, or takes an `mr::emit<U>&` as well.
  template <class F>
  auto map_partitions(F f) const {
    return each("map_partitions", [f = detail::copyable(std::move(f))](const rdd<T>& r) {
      return r.map_partitions(f);
    });
  }
  /// `f(int partition, mr::partition_rows<T>&)`.
  template <class F>
  auto map_partitions_with_index(F f) const {
    return each("map_partitions_with_index", [f = detail::copyable(std::move(f))](const rdd<T>& r) {
      return r.map_partitions_with_index(f);
    });
  }
  /// One row a partition: a vector of its rows.
  auto glom() const {
    return each("glom", [](const rdd<T>& r) { return r.glom(); });
  }
  /// Exactly `partitions` a batch.
  dstream repartition(int partitions) const {
    if (partitions < 1)
      throw usage_error("repartition: the number of partitions must be positive: " +
                        std::to_string(partitions));
    return each(
        "repartition", [partitions](const rdd<T>& r) { return r.repartition(partitions); },
        detail::missing_parent::is_an_error);
  }

  // ---- a batch at a time

  /// How many rows each batch has; one row, 0 for an empty batch.
  dstream<std::int64_t> count() const { return dstream<std::int64_t>(detail::count_stream(node_)); }
  /// The rows of each batch reduced to one; none for an empty batch. `f` must be associative; rows
  /// come to it in order.
  template <class F>
  dstream reduce(F f) const {
    using pair = std::pair<char, T>;
    auto keyed = detail::map_step<T>([](const T& row) { return pair('\0', row); });
    keyed.operation = "reduce";
    auto value = detail::map_step<pair>([](const pair& row) { return row.second; });
    value.operation = "reduce";
    return dstream<pair>(detail::narrow_stream(node_, keyed))
        .reduce_by_key(std::move(f), 1)
        .on_rows(std::move(value));
  }
  /// (row, how often it occurs in the batch).
  template <class... P>
  dstream<std::pair<T, std::int64_t>> count_by_value(P... partitions) const {
    (detail::check_partitions("count_by_value", partitions), ...);
    using pair = std::pair<T, std::int64_t>;
    auto ones = detail::map_step<T>([](const T& row) { return pair(row, 1); });
    ones.operation = "count_by_value";
    return dstream<pair>(detail::narrow_stream(node_, ones))
        .reduce_by_key(std::plus<>{}, partitions...);
  }

  /// The rows of both. Both must slide alike and belong to one context.
  dstream union_with(const dstream& other) const {
    return dstream(detail::union_stream({node_, other.node_}));
  }
  friend dstream operator+(const dstream& a, const dstream& b) { return a.union_with(b); }

  /// `f(const mr::rdd<T>&[, mr::batch_time])` returns the dataset to go on with: any operation that
  /// datasets have. Called once a batch, when the batch is made and not when it runs: an action in
  /// it delays the batches after it.
  template <class F>
  auto transform(F f) const {
    return detail::derive<T>({node_}, "transform", detail::missing_parent::is_an_error,
                             std::move(f));
  }
  /// The same with the datasets that two streams have at a time.
  template <class U, class F>
  auto transform_with(const dstream<U>& other, F f) const {
    return detail::derive<T, U>({node_, other.node()}, "transform_with",
                                detail::missing_parent::is_an_error, std::move(f));
  }

  // ---- windows
  //
  // A window's result comes once a slide, for the batches of the last `length`. What the window
  // reads again it keeps; `persist` on a window is the parent's. No checkpoint is needed.

  /// The rows of all batches in the window, batch by batch.
  dstream window(millrace::window w) const {
    return dstream(detail::window_stream(node_, "window", {w.length, w.slide}));
  }
  /// How many rows the window has: one row; none before the first row ever came, 0 when it drained.
  dstream<std::int64_t> count_by_window(millrace::window w) const {
    auto ones = detail::map_step<T>([](const T&) { return std::int64_t{1}; });
    ones.operation = "count_by_window";
    return dstream<std::int64_t>(detail::narrow_stream(node_, ones))
        .in_window("count_by_window", std::plus<>{}, std::minus<>{}, w);
  }
  /// The rows of the window reduced to one; none for a window without rows. `f` must be
  /// associative; rows come to it in order.
  template <class F>
  dstream reduce_by_window(F f, millrace::window w) const {
    return in_window("reduce_by_window", std::move(f), detail::no_inverse{}, w);
  }
  /// The same by taking out what left the window: inverse(f(a, b), a) must be b. From the first
  /// row on there is always a result, whatever is left of it.
  template <class F, class Inverse>
  dstream reduce_by_window(F f, Inverse inverse, millrace::window w) const {
    return in_window("reduce_by_window", std::move(f), std::move(inverse), w);
  }
  /// (row, how often it occurs in the window).
  template <class... P>
  dstream<std::pair<T, std::int64_t>> count_by_value_and_window(millrace::window w,
                                                                P... partitions) const {
    using pair = std::pair<T, std::int64_t>;
    auto ones = detail::map_step<T>([](const T& row) { return pair(row, 1); });
    ones.operation = "count_by_value_and_window";
    return dstream<pair>(detail::narrow_stream(node_, ones))
        .template reduced_window<T, std::int64_t>(
            "count_by_value_and_window", std::plus<>{}, std::minus<>{}, w,
            [](const pair& row) { return row.second != 0; }, partitions...);
  }

  /// A key of the window with all its values, in order.
  template <class... P>
    requires detail::pair_row<T>
  auto group_by_key_and_window(millrace::window w, P... partitions) const {
    using K = typename detail::pair_types<T>::key;
    const auto by = partitioner_of<K>("group_by_key_and_window", partitions...);
    return each("group_by_key_and_window",
                [by](const rdd<T>& r) { return rdd<T>(detail::partition_by(r.node(), by)); })
        .window(w)
        .each("group_by_key_and_window", [by](const rdd<T>& r) {
          using V = typename detail::pair_types<T>::value;
          using row = std::pair<K, std::vector<V>>;
          return rdd<row>(detail::group_by_key({r.node()}, detail::row_type_of<row>(),
                                               "group_by_key_and_window", {},
                                               detail::group_values<K, V>, by));
        });
  }
  /// The values of each key of the window reduced to one. `f(V, V)` must be associative, and need
  /// not commute. A key that changed costs log2(slides in the window) calls of `f` at most.
  template <class F, class... P>
    requires detail::pair_row<T>
  dstream reduce_by_key_and_window(F f, millrace::window w, P... partitions) const {
    return reduced_window<typename detail::pair_types<T>::key,
                          typename detail::pair_types<T>::value>(
        "reduce_by_key_and_window", std::move(f), detail::no_inverse{}, w, detail::no_filter{},
        partitions...);
  }
  /// The same by taking out what left: `inverse(f(a, b), a)` must be `b`; two calls a key that
  /// changed. A key stays when all of it has left, with what `inverse` made of it, unless `filter`
  /// (`bool(const std::pair<K, V>&)`) refuses the pair: then the key is forgotten. Last may come a
  /// number of partitions or a partitioner.
  template <class F, class Inverse, class... More>
    requires detail::pair_row<T> && (!std::is_convertible_v<Inverse, millrace::window>)
  dstream reduce_by_key_and_window(F f, Inverse inverse, millrace::window w, More... more) const {
    using K = typename detail::pair_types<T>::key;
    using V = typename detail::pair_types<T>::value;
    return windowed_by_inverse<K, V>(std::move(f), std::move(inverse), w, std::move(more)...);
  }

  // ---- state
  //
  // What is kept for a key from batch to batch lies in memory, partitioned by key; no checkpoint is
  // needed. A batch whose functions throw leaves the state as it was. State holds no views; keys
  // may, the state owns their text.

  /// (K, S) of all keys that have a state, once `f` gave each its new one; none forgets the key.
  /// `f(std::span<const V> values, std::optional<S> before) -> std::optional<S>` is called in every
  /// batch for each key with new values (in order) and, unless `.idle` is mr::idle::skip, for each
  /// with a state. With it a batch costs what its own keys cost, and reading the result.
  template <class S, class F>
    requires detail::pair_row<T>
  auto update_state_by_key(
      F f, update_state_options<typename detail::pair_types<T>::key, S> options = {}) const {
    using K = typename detail::pair_types<T>::key;
    using V = typename detail::pair_types<T>::value;
    check_state<S>();
    static_assert(
        std::is_invocable_r_v<std::optional<S>, const F&, std::span<const V>, std::optional<S>>,
        "millrace: the function of update_state_by_key takes (std::span<const V>, "
        "std::optional<S>) and returns std::optional<S>.");
    return dstream<std::pair<K, S>>(detail::update_state_stream(
        node_, detail::row_type_of<std::pair<K, S>>(), detail::update_of<V, S>(std::move(f)),
        options.idle == idle::call ? detail::idle_keys::called : detail::idle_keys::skipped,
        initial_of(options),
        partitioner_of<K>("update_state_by_key", by_default(options.partitions))));
  }
  /// What `f(const K&, const V* value, mr::state<S>&)` gives for each row, in order within a
  /// partition: a row, a std::optional of one, or nothing. A key that was idle for longer than
  /// `.timeout` gets one call with null for its value and `state.timing_out()`; then its state is
  /// gone. A batch costs what its own keys cost; keys that are idle cost nothing.
  ///
  /// The result's `snapshots()` gives (K, S) of all keys in each batch. Where `f` gives nothing,
  /// that is all the result has, and the operation is an output by itself: `f` is called in every
  /// batch, whether anybody asks for `snapshots()` or not.
  template <class S, class F>
    requires detail::pair_row<T>
  auto map_with_state(
      F f, map_with_state_options<typename detail::pair_types<T>::key, S> options = {}) const {
    using K = typename detail::pair_types<T>::key;
    using V = typename detail::pair_types<T>::value;
    using R = typename detail::map_state_result<K, V, S, F>::type;
    check_state<S>();
    const auto by = partitioner_of<K>("map_with_state", by_default(options.partitions));
    return mapped_dstream<typename detail::emitted_by<R>::type, K, S>(
        detail::map_with_state_stream(node_, detail::row_type_of<std::pair<K, S>>(),
                                      detail::map_state_of<K, V, S>(std::move(f)),
                                      initial_of(options), options.timeout, by),
        by);
  }

  // ---- rows that are pairs

  template <class F>
    requires detail::pair_row<T>
  auto map_values(F f) const {
    return on_rows(detail::map_values_step<T>(std::move(f)));
  }
  template <class F>
    requires detail::pair_row<T>
  auto flat_map_values(F f) const {
    return on_rows(detail::flat_map_values_step<T>(std::move(f)));
  }
  /// The values of each key of a batch reduced to one. `f(V, V)` must be associative. These take,
  /// last, a number of partitions or a partitioner; by default the context's parallelism.
  template <class F, class... P>
    requires detail::pair_row<T>
  dstream reduce_by_key(F f, P... partitions) const {
    using K = typename detail::pair_types<T>::key;
    using V = typename detail::pair_types<T>::value;
    detail::check_key<K>();
    static_assert(
        std::is_invocable_r_v<V, const F&, const V&, const V&>,
        "millrace: reduce_by_key needs a function of two values that returns such a value.");
    return dstream(detail::aggregate_stream(node_, detail::row_type_of<T>(), "reduce_by_key",
                                            detail::reduce_aggregator<K, V>(std::move(f)),
                                            partitioner_of<K>("reduce_by_key", partitions...)));
  }
  /// A key of a batch with all its values, in order.
  template <class... P>
    requires detail::pair_row<T>
  auto group_by_key(P... partitions) const {
    return by_key(
        "group_by_key", [](const rdd<T>& r, auto by) { return r.group_by_key(by); }, partitions...);
  }
  template <class Create, class MergeValue, class MergeCombiners, class... P>
    requires detail::pair_row<T>
  auto combine_by_key(Create create, MergeValue merge_value, MergeCombiners merge_combiners,
                      P... partitions) const {
    return by_key(
        "combine_by_key",
        [create = detail::copyable(std::move(create)),
         merge_value = detail::copyable(std::move(merge_value)),
         merge_combiners = detail::copyable(std::move(merge_combiners))](const rdd<T>& r, auto by) {
          return r.combine_by_key(create, merge_value, merge_combiners, by);
        },
        partitions...);
  }
  template <class Partitioner>
    requires detail::pair_row<T>
  dstream partition_by(Partitioner by) const {
    return by_key(
        "partition_by", [](const rdd<T>& r, const auto& to) { return r.partition_by(to); },
        std::move(by));
  }

  /// Pairs of values that have the same key in the same batch. Widen a stream with a window first
  /// to join what came at different times.
  template <class W, class... P>
  auto join(const dstream<W>& other, P... partitions) const {
    return with(
        other, "join", [](const auto& a, const auto& b, auto by) { return a.join(b, by); },
        partitions...);
  }
  template <class W, class... P>
  auto left_outer_join(const dstream<W>& other, P... partitions) const {
    return with(
        other, "left_outer_join",
        [](const auto& a, const auto& b, auto by) { return a.left_outer_join(b, by); },
        partitions...);
  }
  template <class W, class... P>
  auto right_outer_join(const dstream<W>& other, P... partitions) const {
    return with(
        other, "right_outer_join",
        [](const auto& a, const auto& b, auto by) { return a.right_outer_join(b, by); },
        partitions...);
  }
  template <class W, class... P>
  auto full_outer_join(const dstream<W>& other, P... partitions) const {
    return with(
        other, "full_outer_join",
        [](const auto& a, const auto& b, auto by) { return a.full_outer_join(b, by); },
        partitions...);
  }
  /// All values of each key of the batch, here and in each of the others. Any number of other
  /// streams; after them, if wanted, a number of partitions or a partitioner.
  template <class W, class... More>
    requires detail::pair_row<T>
  auto cogroup(const dstream<W>& other, const More&... more) const {
    const auto& last = std::get<sizeof...(More)>(std::tie(other, more...));
    if constexpr (detail::is_stream<std::remove_cvref_t<decltype(last)>>)
      return cogrouped(detail::default_parallelism(node_), std::tie(other, more...),
                       std::make_index_sequence<sizeof...(More) + 1>{});
    else
      return cogrouped(last, std::tie(other, more...), std::make_index_sequence<sizeof...(More)>{});
  }

  // ---- outputs

  /// Writes the first `rows` rows of each batch to the standard output, as Spark lays them out:
  /// a line of dashes, `Time: 1700000000000 ms`, the dashes, a row a line, `...` if there are more,
  /// an empty line. A standard output that can't be written fails the batch.
  void print(std::int64_t rows = 10) const { detail::print_stream(node_, rows); }

  /// Calls `f(const mr::rdd<T>&[, mr::batch_time])` for each batch, on the thread that runs the
  /// batch; the actions in it are the batch's work. What it throws fails the batch and stops the
  /// stream.
  template <class F>
  void for_each_rdd(F f) const {
    detail::add_output(
        node_, "for_each_rdd",
        {detail::keep_function(std::move(f)),
         [](const void* state, const detail::node_ptr& dataset, detail::time_point_ms time) {
           detail::call_with_time(detail::function_in<F>(state), time, rdd<T>(dataset));
         }});
  }

  /// Each batch as a directory of text files, `prefix-TIME_IN_MS[.suffix]`, for empty batches too.
  /// A directory that is there already is written over: a batch may run twice.
  void save_as_text_files(std::string prefix, std::string suffix = {}) const {
    detail::save_stream_as_text(node_, std::move(prefix), std::move(suffix));
  }

  /// The same as object files, for `context::object_file<T>`.
  void save_as_object_files(std::string prefix, std::string suffix = {}) const {
    detail::save_stream_as_object(node_, std::move(prefix), std::move(suffix));
  }
  /// Writes each batch to a value of a connector, or of a type of yours that satisfies
  /// `mr::stream_sink` for these rows (see sink.hpp). It is copied.
  template <class Sink>
  void write(Sink sink) const {
    detail::write_stream<T>(node_, std::move(sink));
  }

  // ---- others

  /// Keeps each batch's dataset once it was computed, for outputs and windows that read it again.
  dstream persist(storage_level level) const {
    detail::check_building(node_, "persist");
    node_->keep(level);
    return *this;
  }
  dstream cache() const { return persist(storage_level::memory); }
  /// How often what it keeps goes to the checkpoint, where the context has one: a multiple of its
  /// slide, else `start` throws usage_error. Its datasets are kept, as by `cache`.
  dstream checkpoint(std::chrono::milliseconds interval) const {
    detail::check_building(node_, "checkpoint");
    node_->checkpoint(interval);
    node_->keep_for_reading();
    return *this;
  }
  /// The datasets of the batches from `from` to `to`, both included, as far as they have come. A
  /// time between two batches stands for the one before it. Any thread, while the context runs.
  /// usage_error: it has not started, or a batch was forgotten (see streaming_context::remember).
  std::vector<rdd<T>> slice(batch_time from, batch_time to) const {
    std::vector<rdd<T>> datasets;
    for (detail::node_ptr& one : detail::slice_of(node_, from, to))
      datasets.emplace_back(std::move(one));
    return datasets;
  }
  /// A name for this stream in errors, metrics and checkpoints. Returns it.
  dstream named(std::string text) const {
    detail::check_building(node_, "named");
    node_->name(std::move(text));
    return *this;
  }

 private:
  template <class>
  friend class dstream;

  template <class Step>
  dstream<typename Step::row> on_rows(const Step& step) const {
    return dstream<typename Step::row>(detail::narrow_stream(node_, step));
  }
  /// A stream of f(dataset).
  template <class F>
  auto each(std::string_view operation, F f,
            detail::missing_parent missing = detail::missing_parent::gives_none) const {
    return detail::derive<T>({node_}, operation, missing, std::move(f));
  }
  /// A stream of f(dataset, partitioner).
  template <class F, class... P>
  auto by_key(std::string_view operation, F f, P... partitions) const {
    using K = typename detail::pair_types<T>::key;
    const any_partitioner by(partitioner_of<K>(operation, partitions...));
    return each(operation, [f, by](const rdd<T>& r) { return f(r, by); });
  }
  template <class W, class F, class... P>
  auto with(const dstream<W>& other, std::string_view operation, F f, P... partitions) const {
    static_assert(sizeof(detail::other_value<T, W>) != 0);
    using K = typename detail::pair_types<T>::key;
    const any_partitioner by(partitioner_of<K>(operation, partitions...));
    return detail::derive<T, W>({node_, other.node()}, operation,
                                detail::missing_parent::is_an_error,
                                [f, by](const rdd<T>& a, const rdd<W>& b) { return f(a, b, by); });
  }
  /// With the streams of `others` that I… number.
  template <class P, class... Others, std::size_t... I>
  auto cogrouped(const P& p, std::tuple<const Others&...> others, std::index_sequence<I...>) const {
    const any_partitioner by(partitioner_of<typename detail::pair_types<T>::key>("cogroup", p));
    return cogrouped_by(by, std::get<I>(others)...);
  }
  template <class... U>
  auto cogrouped_by(const any_partitioner& by, const dstream<U>&... others) const {
    return detail::derive<T, U...>(
        {node_, others.node()...}, "cogroup", detail::missing_parent::is_an_error,
        [by](const rdd<T>& a, const rdd<U>&... rest) { return a.cogroup(rest..., by); });
  }
  template <class... P>
  auto number_or_partitioner(P... given) const {
    static_assert(sizeof...(P) <= 1, "millrace: give one number of partitions or one partitioner.");
    if constexpr (sizeof...(P) == 0) return detail::default_parallelism(node_);
    else return (given, ...);
  }
  template <class S>
  static void check_state() {
    static_assert(std::is_same_v<S, std::decay_t<S>>, "millrace: state is a value.");
    static_assert(!detail::holds_views_v<S>,
                  "millrace: state outlives the text that a view in it would refer to; take a type "
                  "that owns its text (std::string).");
  }
  template <class Options>
  static detail::node_ptr initial_of(const Options& options) {
    return options.initial ? options.initial->node() : detail::node_ptr();
  }
  template <class K, class... P>
  detail::partitioner_ptr partitioner_of([[maybe_unused]] std::string_view operation,
                                         P... p) const {
    detail::check_key<K>();
    (detail::check_partitions(operation, p), ...);
    return detail::partitioner_for<K>(number_or_partitioner(p...));
  }
  template <class K, class V, class F, class Inverse>
  dstream windowed_by_inverse(F f, Inverse inverse, millrace::window w) const {
    return reduced_window<K, V>("reduce_by_key_and_window", std::move(f), std::move(inverse), w,
                                detail::no_filter{});
  }
  template <class K, class V, class F, class Inverse, class First, class... P>
  dstream windowed_by_inverse(F f, Inverse inverse, millrace::window w, First first, P... p) const {
    if constexpr (std::is_invocable_r_v<bool, const First&, const T&>)
      return reduced_window<K, V>("reduce_by_key_and_window", std::move(f), std::move(inverse), w,
                                  std::move(first), p...);
    else if constexpr (sizeof...(P) == 0)
      return reduced_window<K, V>("reduce_by_key_and_window", std::move(f), std::move(inverse), w,
                                  detail::no_filter{}, first);
    else
      return reduced_window<K, V>("reduce_by_key_and_window", std::move(f), std::move(inverse), w,
                                  p..., first);
  }
  /// REQUIRES: rows are std::pair<K, V>.
  template <class K, class V, class F, class Inverse, class Filter, class... P>
  dstream reduced_window(std::string_view operation, F f, Inverse inverse, millrace::window w,
                         Filter filter, P... p) const {
    detail::check_key<K>();
    static_assert(
        std::is_invocable_r_v<V, const F&, const V&, const V&>,
        "millrace: a window is reduced by a function of two values that returns such a value.");
    constexpr bool invertible = !std::is_same_v<Inverse, detail::no_inverse>;
    if constexpr (invertible)
      static_assert(std::is_invocable_r_v<V, const Inverse&, const V&, const V&>,
                    "millrace: the inverse takes two values and returns such a value.");
    static_assert(!invertible || !detail::holds_views_v<V>,
                  "millrace: what a window with an inverse keeps cannot be views; map the values "
                  "to types that own their text (std::string) first.");
    const auto by = partitioner_of<K>(operation, p...);
    const auto& rows = detail::row_type_of<std::pair<K, V>>();
    if constexpr (detail::holds_views_v<V>) {
      // Values which view text that would have to outlive its batch: reduced anew from what the
      // batches gave.
      const auto reduce = [f = detail::copyable(std::move(f)), by, operation](const rdd<T>& r) {
        return rdd<T>(detail::aggregate_by_key(r.node(), detail::row_type_of<std::pair<K, V>>(),
                                               operation, detail::reduce_aggregator<K, V>(f), by));
      };
      return each(operation, reduce).window(w).each(operation, reduce);
    } else {
      const auto again = detail::copyable(std::move(f));
      return dstream(detail::reduced_window_stream(
          node_, rows, operation, detail::reduce_aggregator<K, V>(again),
          detail::functions_of_window<K, V>(again, std::move(inverse), std::move(filter)),
          {w.length, w.slide}, by));
    }
  }
  /// All rows under one key.
  template <class F, class Inverse>
  dstream in_window(std::string_view operation, F f, Inverse inverse, millrace::window w) const {
    using pair = std::pair<char, T>;
    auto keyed = detail::map_step<T>([](const T& row) { return pair('\0', row); });
    keyed.operation = operation;
    auto value = detail::map_step<pair>([](const pair& row) { return row.second; });
    value.operation = operation;
    return dstream<pair>(detail::narrow_stream(node_, keyed))
        .template reduced_window<char, T>(operation, std::move(f), std::move(inverse), w,
                                          detail::no_filter{}, 1)
        .on_rows(std::move(value));
  }
  /// By default the context's parallelism, whatever the batches have: then all are partitioned
  /// alike.
  int by_default(int partitions) const {
    return partitions != 0 ? partitions : detail::default_parallelism(node_);
  }

  detail::stream_ptr node_;
};

/// What `map_with_state` gives: a stream of what its function emits, and all state.
template <class Out, class K, class S>
class mapped_dstream : public dstream<Out> {
 public:
  /// For the engine.
  mapped_dstream(detail::stream_ptr node, detail::partitioner_ptr by)
      : dstream<Out>(std::move(node)), by_(std::move(by)) {}

  /// (K, S) of every key as each batch left it, in order of the keys' arrival.
  dstream<std::pair<K, S>> snapshots() const {
    using pair = std::pair<K, S>;
    return dstream<pair>(detail::snapshots_stream(this->node(), detail::row_type_of<pair>(), by_));
  }

 private:
  detail::partitioner_ptr by_;
};

template <class K, class S>
class mapped_dstream<void, K, S> {
 public:
  mapped_dstream(detail::stream_ptr node, const detail::partitioner_ptr&) : all_(std::move(node)) {}

  dstream<std::pair<K, S>> snapshots() const { return all_; }

 private:
  dstream<std::pair<K, S>> all_;
};

namespace detail {

template <class... T, class F>
auto derive(std::vector<stream_ptr> parents, std::string_view operation, missing_parent missing,
            F f) {
  using result =
      std::decay_t<decltype(call_with_time(f, time_point_ms{}, std::declval<const rdd<T>&>()...))>;
  using U = typename row_of_rdd<result>::type;
  return dstream<U>(derived_stream(
      std::move(parents), row_type_of<U>(), operation,
      {keep_function(std::move(f)),
       [](const void* state, const node_ptr* datasets, time_point_ms time) -> node_ptr {
         return [&]<std::size_t... I>(std::index_sequence<I...>) {
           return call_with_time(function_in<F>(state), time, rdd<T>(datasets[I])...).node();
         }(std::index_sequence_for<T...>{});
       }},
      missing));
}

}  // namespace detail
}  // namespace millrace
