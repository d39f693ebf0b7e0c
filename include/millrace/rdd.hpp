// Resilient distributed datasets: immutable, partitioned, computed when an action asks.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/aggregator.hpp"
#include "millrace/detail/dataset/grouping.hpp"
#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/dataset/node.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/pair_rows.hpp"
#include "millrace/detail/dataset/zipping.hpp"
#include "millrace/detail/engine/folds.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/job_future.hpp"
#include "millrace/local_rows.hpp"
#include "millrace/partition_rows.hpp"
#include "millrace/partitioner.hpp"
#include "millrace/row_map.hpp"
#include "millrace/rows.hpp"
#include "millrace/statistics.hpp"
#include "millrace/storage_level.hpp"

namespace millrace {

struct sort_options {
  bool ascending = true;
  int partitions = 0;  ///< 0: as many as the dataset has
};

struct sample_options {
  bool replacement = false;  ///< a row may be chosen more than once
  double fraction = -1;      ///< must be given: of the rows; with replacement, how often each
  std::uint64_t seed = 1;    ///< the same seed on the same partitions chooses the same rows
};

/// A dataset of rows of type T (see docs/guide for what may be a row). A concrete handle: copying
/// it copies a pointer. Lazy: operations describe, actions run a job on the context and block until
/// it is done. Any thread may use a handle.
///
/// Functions are called as `const F&` with `const T&` rows, from several threads at once. They may
/// throw: the task fails with their message, and after the last attempt the action throws
/// `job_error` with the exception nested. Misuse (no partitions, an empty reduce, …) throws
/// `usage_error`, at the latest from the action.
///
/// The number of partitions is the parent's unless said. Operations by key take, last, a number of
/// partitions or a partitioner; without, they use the parents' partitioner, or hash into as many
/// partitions as the largest parent has (or as `default.parallelism` says).
template <class T>
class rdd {
 public:
  using row_type = T;

  explicit rdd(detail::node_ptr node) : node_(std::move(node)) {}
  const detail::node_ptr& node() const { return node_; }

  // ---- row by row

  /// f(const T&) -> U, one for each row.
  template <class F>
  auto map(F f) const {
    return with(detail::map_step<T>(std::move(f)));
  }
  /// The rows for which f(const T&) is true. Keeps the partitioner.
  template <class F>
  rdd filter(F f) const {
    return with(detail::filter_step<T>(std::move(f)));
  }
  /// All elements of the ranges that f(const T&) returns; or what f(const T&, mr::emit<U>&) emits.
  template <class F>
  auto flat_map(F f) const {
    return with(detail::flat_map_step<T>(std::move(f)));
  }
  /// f(const T&) -> K; rows become (K, T).
  template <class F>
  auto key_by(F f) const {
    using K = typename detail::row_of_call<F, const T&>::type;
    auto step = detail::map_step<T>(
        [f = std::move(f)](const T& row) { return std::pair<K, T>(detail::call(f, row), row); });
    step.operation = "key_by";
    return with(step);
  }

  // ---- partition by partition

  /// f(mr::partition_rows<T>&) -> a range of U; or f(mr::partition_rows<T>&, mr::emit<U>&). Called
  /// once a partition, empty ones too.
  template <class F>
  auto map_partitions(F f, bool keeps_partitioner = false) const {
    auto indexed = [f = std::move(f)](int, auto& rows, auto&... out) -> decltype(auto) {
      return detail::call(f, rows, out...);
    };
    return by_partition<F, partition_rows<T>&>("map_partitions", std::move(indexed),
                                               keeps_partitioner, *this);
  }
  /// The same with the partition's index first.
  template <class F>
  auto map_partitions_with_index(F f, bool keeps_partitioner = false) const {
    return by_partition<F, int, partition_rows<T>&>("map_partitions_with_index", std::move(f),
                                                    keeps_partitioner, *this);
  }
  /// One std::vector<T> a partition.
  rdd<std::vector<T>> glom() const {
    using row = std::vector<T>;
    return rdd<row>(detail::map_partitions(
        {node_}, detail::row_type_of<row>(), "glom", {},
        [](detail::step_state& step, int, detail::partition_input* in) {
          partition_rows<T> all(*in);
          detail::output<row> out(step, {nullptr, 0, false});
          out.put(all.begin(), all.end());
          out.flush();
        },
        true, false));
  }
  /// Exactly `partitions` (> 0) of nearly equal size; always a shuffle.
  rdd repartition(int partitions) const { return rdd(detail::repartition(node_, partitions)); }
  /// At most `partitions` (> 0), each made of neighbours: nothing is moved, the order stays.
  rdd coalesce(int partitions) const { return rdd(detail::coalesce(node_, partitions)); }

  /// The same rows, in tasks that all run at the same time and may meet (`mr::barrier_tasks`).
  /// There must be as many threads as partitions, and an action looks at all partitions or fails
  /// (usage_error); where a task fails, all of them run again. It holds for the operations that
  /// follow, up to a shuffle.
  rdd barrier() const { return rdd(detail::barrier(node_)); }

  // ---- by chance

  /// Each row with the chance `.fraction` (from 0 to 1); with replacement, each row that often on
  /// average. How many that are is left to chance: see take_sample. Keeps the partitioner.
  rdd sample(sample_options options) const {
    return rdd(detail::sample(node_, options.replacement, options.fraction, options.seed));
  }
  /// Every row into one of as many datasets as there are weights, with a chance in proportion to
  /// its weight (>= 0, not all 0). Each part reads the whole dataset: cache it if that is dear.
  std::vector<rdd> random_split(const std::vector<double>& weights, std::uint64_t seed = 1) const {
    std::vector<rdd> parts;
    for (auto& part : detail::random_split(node_, weights, seed)) parts.emplace_back(part);
    return parts;
  }

  // ---- through a command

  /// The lines that a command writes when it is given the rows as lines (in their text form): one
  /// process a partition, its standard error is ours. `command` is cut at white space, without
  /// quoting; as a vector, its words. No shell: for one, `{"sh", "-c", "…"}`. Fails where the
  /// command cannot be started or ends with another status than 0; one that ends before it has read
  /// everything does not fail by that.
  template <class Text>
    requires std::is_convertible_v<const Text&, std::string_view>
  rdd<std::string> pipe(const Text& command) const {
    return pipe(detail::words_of(command));
  }
  rdd<std::string> pipe(std::vector<std::string> command) const {
    auto step =
        detail::map_step<std::string_view>([](std::string_view line) { return std::string(line); });
    step.operation = "pipe";
    return rdd<std::string>(detail::apply(detail::pipe_through(node_, std::move(command)), step));
  }

  // ---- together

  /// The partitions of this and then those of the other; nothing is moved, duplicates stay.
  rdd union_with(const rdd& other) const {
    return rdd(detail::union_of(node_->context(), node_->rows(), {node_, other.node_}));
  }
  friend rdd operator+(const rdd& a, const rdd& b) { return a.union_with(b); }
  /// (T, U) for every pair of a row here and a row there. A partition for every pair of partitions,
  /// whose right one is held in memory while it is computed.
  template <class U>
  rdd<std::pair<T, U>> cartesian(const rdd<U>& other) const {
    using row = std::pair<T, U>;
    return rdd<row>(detail::cross_partitions(node_, other.node(), detail::row_type_of<row>(),
                                             "cartesian", detail::cross_rows<T, U>));
  }
  /// (T, U) of the rows in the same place. Both sides need the same number of partitions and the
  /// same number of rows in each, or usage_error is thrown: now, or from the action.
  template <class U>
  rdd<std::pair<T, U>> zip(const rdd<U>& other) const {
    using row = std::pair<T, U>;
    return rdd<row>(detail::map_partitions({node_, other.node()}, detail::row_type_of<row>(), "zip",
                                           {}, detail::zip_rows<T, U>, false, false));
  }
  /// f(mr::partition_rows<T>&, mr::partition_rows<U>&…) -> a range, or with an mr::emit<R>& last;
  /// once for each partition of all sides, which have equally many. Rows need not be equally many.
  template <class F, class U, class... More>
  auto zip_partitions(F f, const rdd<U>& other, const rdd<More>&... more) const {
    auto indexed = [f = std::move(f)](int, auto&... rows) -> decltype(auto) {
      return detail::call(f, rows...);
    };
    return by_partition<F, partition_rows<T>&, partition_rows<U>&, partition_rows<More>&...>(
        "zip_partitions", std::move(indexed), false, *this, other, more...);
  }
  /// (T, position over all partitions). Where there is more than one partition a job counts the
  /// rows now.
  rdd<std::pair<T, std::int64_t>> zip_with_index() const {
    return numbered("zip_with_index", {detail::row_positions(node_, "zip_with_index"), 1});
  }
  /// (T, number): the k-th row of partition i of n gets i + k * n. No job.
  rdd<std::pair<T, std::int64_t>> zip_with_unique_id() const {
    detail::row_numbers numbers{{}, node_->partitions()};
    for (int i = 0; i < node_->partitions(); ++i) numbers.starts.push_back(i);
    return numbered("zip_with_unique_id", std::move(numbers));
  }

  /// Each row once, in order of its first arrival within its new partition.
  rdd distinct() const { return distinct(detail::default_partitions({node_})); }
  rdd distinct(int partitions) const {
    detail::check_key<T>();
    detail::check_partitions("distinct", partitions);
    detail::aggregator keys;
    keys.key = &node_->rows();
    return rdd(detail::aggregate_by_key(node_, node_->rows(), "distinct", std::move(keys),
                                        detail::hash_partitioner_for(node_->rows(), partitions)));
  }
  /// Rows of both, each once.
  template <class... P>
  rdd intersection(const rdd& other, P... partitions) const {
    (detail::check_partitions("intersection", partitions), ...);
    auto one = [](const T& row) { return std::pair<T, bool>(row, true); };
    return map(one)
        .cogroup(other.map(one), partitions...)
        .filter([](const auto& group) {
          return !std::get<0>(group.second).empty() && !std::get<1>(group.second).empty();
        })
        .keys();
  }
  /// Rows of this which the other lacks; duplicates stay.
  template <class... P>
  rdd subtract(const rdd& other, P... partitions) const {
    (detail::check_partitions("subtract", partitions), ...);
    auto one = [](const T& row) { return std::pair<T, bool>(row, true); };
    return map(one).subtract_by_key(other.map(one), partitions...).keys();
  }
  /// f(const T&) -> K; rows become (K, std::vector<T>).
  template <class F, class... P>
  auto group_by(F f, P... partitions) const {
    (detail::check_partitions("group_by", partitions), ...);
    return key_by(std::move(f)).group_by_key(partitions...);
  }
  /// By f(const T&) -> K. A job samples the keys now. Equal keys keep their order.
  template <class F>
  rdd sort_by(F f, sort_options options = {}) const {
    return key_by(std::move(f)).sort_by_key(options).values();
  }

  // ---- pairs (T = std::pair<K, V>)

  auto keys() const
    requires detail::pair_row<T>
  {
    return map([](const T& row) -> const auto& { return row.first; });
  }
  auto values() const
    requires detail::pair_row<T>
  {
    return map([](const T& row) -> const auto& { return row.second; });
  }
  /// f(const V&) -> U. Keeps the partitioner.
  template <class F>
  auto map_values(F f) const
    requires detail::pair_row<T>
  {
    return with(detail::map_values_step<T>(std::move(f)));
  }
  /// f(const V&) -> a range of U; (K, U) for each. Keeps the partitioner.
  template <class F>
  auto flat_map_values(F f) const
    requires detail::pair_row<T>
  {
    return with(detail::flat_map_values_step<T>(std::move(f)));
  }

  /// One value a key: f(V, V) -> V, associative; combined before the shuffle. Values are folded in
  /// the order of the rows within a partition, and of partitions.
  template <class F, class... P>
  rdd reduce_by_key(F f, P... partitions) const
    requires detail::pair_row<T>
  {
    using V = typename detail::pair_types<T>::value;
    static_assert(
        std::is_invocable_r_v<V, const F&, const V&, const V&>,
        "millrace: reduce_by_key needs a function of two values that returns such a value.");
    return aggregated<T>(
        "reduce_by_key",
        detail::reduce_aggregator<typename detail::pair_types<T>::key, V>(std::move(f)),
        partitions...);
  }
  /// create(V) -> C, merge_value(C, V) -> C, merge_combiners(C, C) -> C.
  template <class Create, class MergeValue, class MergeCombiners, class... P>
  auto combine_by_key(Create create, MergeValue merge_value, MergeCombiners merge_combiners,
                      P... partitions) const
    requires detail::pair_row<T>
  {
    using V = typename detail::pair_types<T>::value;
    using C = typename detail::row_of_call<Create, const V&>::type;
    return combined<C>("combine_by_key", std::move(create), std::move(merge_value),
                       std::move(merge_combiners), partitions...);
  }
  /// Each key's values folded from `zero`, once a key and map partition.
  template <class F, class... P>
  rdd fold_by_key(typename detail::pair_types<T>::value zero, F f, P... partitions) const
    requires detail::pair_row<T>
  {
    using V = typename detail::pair_types<T>::value;
    detail::row_buffer kept(detail::row_type_of<V>());  // and what it views
    detail::add_row<V>(kept, std::move(zero));
    const auto again = detail::copyable(std::move(f));
    auto create = [zero = rows<V>(std::move(kept)), again](const V& v) -> decltype(auto) {
      return detail::call(again, zero.front(), v);
    };
    return combined<V>("fold_by_key", std::move(create), again, again, partitions...);
  }
  /// seq(U, V) -> U from `zero`, comb(U, U) -> U.
  template <class U, class Seq, class Comb, class... P>
  auto aggregate_by_key(U zero, Seq seq, Comb comb, P... partitions) const
    requires detail::pair_row<T>
  {
    using V = typename detail::pair_types<T>::value;
    detail::row_buffer kept(detail::row_type_of<U>());
    detail::add_row<U>(kept, std::move(zero));
    const auto again = detail::copyable(std::move(seq));
    auto create = [zero = rows<U>(std::move(kept)), again](const V& v) -> decltype(auto) {
      return detail::call(again, zero.front(), v);
    };
    return combined<U>("aggregate_by_key", std::move(create), again, std::move(comb),
                       partitions...);
  }
  /// All values of each key: (K, std::vector<V>), in the order of the rows. A group must fit in
  /// memory; where values are only to be combined, reduce_by_key is far cheaper.
  template <class... P>
  auto group_by_key(P... partitions) const
    requires detail::pair_row<T>
  {
    using K = typename detail::pair_types<T>::key;
    using V = typename detail::pair_types<T>::value;
    return grouped<std::pair<K, std::vector<V>>>("group_by_key", {node_},
                                                 detail::group_values<K, V>, partitions...);
  }
  /// All values of each key here and there: (K, std::tuple<std::vector<V>, std::vector<W>…>). Any
  /// number of other datasets; after them, if wanted, a number of partitions or a partitioner.
  template <class Other, class... More>
  auto cogroup(const rdd<Other>& other, const More&... more) const
    requires detail::pair_row<T>
  {
    using groups = detail::cogrouped<T, rdd<Other>, More...>;
    std::vector<detail::node_ptr> sides{node_, other.node()};
    (detail::add_side(sides, more), ...);
    const auto& last = std::get<sizeof...(More)>(std::tie(other, more...));
    if constexpr (detail::is_dataset_v<std::remove_cvref_t<decltype(last)>>)
      return grouped<typename groups::row>("cogroup", sides, groups::loop);
    else return grouped<typename groups::row>("cogroup", sides, groups::loop, last);
  }
  /// (K, (V, W)) for every pair of values with the same key.
  template <class Other, class... P>
  auto join(const rdd<Other>& other, P... partitions) const
    requires detail::pair_row<T>
  {
    return joined<detail::other_value<T, Other>, false, false>("join", other, partitions...);
  }
  /// (K, (V, std::optional<W>)): keys of this side all appear.
  template <class Other, class... P>
  auto left_outer_join(const rdd<Other>& other, P... partitions) const
    requires detail::pair_row<T>
  {
    return joined<detail::other_value<T, Other>, false, true>("left_outer_join", other,
                                                              partitions...);
  }
  /// (K, (std::optional<V>, W)): keys of the other side all appear.
  template <class Other, class... P>
  auto right_outer_join(const rdd<Other>& other, P... partitions) const
    requires detail::pair_row<T>
  {
    return joined<detail::other_value<T, Other>, true, false>("right_outer_join", other,
                                                              partitions...);
  }
  /// (K, (std::optional<V>, std::optional<W>)).
  template <class Other, class... P>
  auto full_outer_join(const rdd<Other>& other, P... partitions) const
    requires detail::pair_row<T>
  {
    return joined<detail::other_value<T, Other>, true, true>("full_outer_join", other,
                                                             partitions...);
  }
  /// Pairs whose key the other side lacks; duplicates stay.
  template <class Other, class... P>
  rdd subtract_by_key(const rdd<Other>& other, P... partitions) const
    requires detail::pair_row<T>
  {
    using K = typename detail::pair_types<T>::key;
    using V = typename detail::pair_types<T>::value;
    static_assert(sizeof(detail::other_value<T, Other>) != 0);
    return joined_with<T>("subtract_by_key", other, {detail::left_only_rows<K, V>, true, false},
                          partitions...);
  }
  /// Each pair to the partition of its key: a number (by hash) or a partitioner. Nothing moves
  /// where the dataset is partitioned so already.
  template <class P>
  rdd partition_by(P by) const
    requires detail::pair_row<T>
  {
    using K = typename detail::pair_types<T>::key;
    detail::check_key<K>();
    detail::check_partitions("partition_by", by);
    return rdd(detail::partition_by(node_, detail::partitioner_for<K>(by)));
  }
  /// Sorted by key over all partitions; equal keys keep their order. A job samples the keys now, to
  /// cut them into ranges of nearly equal size.
  rdd sort_by_key(sort_options options = {}) const
    requires detail::pair_row<T>
  {
    using K = typename detail::pair_types<T>::key;
    detail::check_order<K>();
    if (options.partitions < 0)
      throw usage_error("sort_by_key: the number of partitions must be positive: " +
                        std::to_string(options.partitions));
    const int n = options.partitions == 0 ? node_->partitions() : options.partitions;
    return rdd(detail::sort_partitions(
        node_, "sort_by_key",
        detail::range_partitioner_for(*node_->rows().field(0).type, detail::range_bounds(node_, n),
                                      options.ascending),
        options.ascending));
  }

  /// Each pair to the partition of its key, and sorted by it there; equal keys keep their order.
  /// A number of partitions or a partitioner. One shuffle does both.
  template <class P>
  rdd repartition_and_sort_within_partitions(P by) const
    requires detail::pair_row<T>
  {
    using K = typename detail::pair_types<T>::key;
    detail::check_order<K>();
    const std::string_view operation = "repartition_and_sort_within_partitions";
    return rdd(
        detail::sort_partitions(node_, operation, partitioner_of<K>(operation, {node_}, by), true));
  }
  /// Pairs whose key is neither below `low` nor above `high`. Of a dataset that is partitioned by
  /// ranges (sort_by_key) only those partitions are read which may have such keys.
  rdd filter_by_range(const typename detail::pair_types<T>::key& low,
                      const typename detail::pair_types<T>::key& high) const
    requires detail::pair_row<T>
  {
    using K = typename detail::pair_types<T>::key;
    detail::check_order<K>();
    detail::row_buffer ends(detail::row_type_of<K>());
    detail::add_row<K>(ends, low);
    detail::add_row<K>(ends, high);
    return rdd(detail::filter_by_range(node_, std::move(ends)));
  }
  /// As sample(), with a fraction for each key: `fractions` is a map, or any range of pairs. Throws
  /// usage_error where a key has none, from the action.
  template <class Fractions>
  rdd sample_by_key(bool replacement, const Fractions& fractions, std::uint64_t seed = 1) const
    requires detail::pair_row<T>
  {
    using fraction = std::pair<typename detail::pair_types<T>::key, double>;
    detail::check_key<typename fraction::first_type>();
    detail::row_buffer all(detail::row_type_of<fraction>());
    for (const auto& [key, part] : fractions) detail::add_row<fraction>(all, key, part);
    return rdd(detail::sample_by_key(node_, replacement, std::move(all), seed));
  }
  rdd sample_by_key(
      bool replacement,
      std::initializer_list<std::pair<typename detail::pair_types<T>::key, double>> fractions,
      std::uint64_t seed = 1) const
    requires detail::pair_row<T>
  {
    return sample_by_key<decltype(fractions)>(replacement, fractions, seed);
  }

  // ---- keeping

  /// Keeps partitions in memory once they were computed.
  rdd cache() const { return persist(millrace::storage_level::memory); }
  /// Throws usage_error where another level was set before.
  rdd persist(millrace::storage_level level) const {
    node_->keep(level);
    return *this;
  }
  rdd unpersist() const {
    node_->keep(millrace::storage_level::none);
    return *this;
  }
  millrace::storage_level storage_level() const { return node_->kept(); }

  /// The next job that needs this dataset is followed by one that writes it to the context's
  /// `checkpoint_directory`, from which it is read from then on; what it was made of is let go of
  /// when no job runs any more. Cache it too, or it is computed twice. Throws usage_error without a
  /// directory.
  const rdd& checkpoint() const {
    detail::checkpoint_to_files(*node_);
    return *this;
  }
  /// The same with the executors' memory and disks instead of files: cheaper, and gone with them.
  const rdd& local_checkpoint() const {
    detail::checkpoint_locally(*node_);
    return *this;
  }
  /// Whether that has happened.
  bool is_checkpointed() const { return node_->is_checkpointed(); }

  // ---- about it

  std::int64_t id() const { return node_->id(); }
  int partitions() const { return node_->partitions(); }
  std::string name() const { return node_->name(); }
  rdd name(std::string text) const {
    node_->name(std::move(text));
    return *this;
  }
  /// What decides the partition of a key; none where that is not known.
  std::optional<any_partitioner> partitioner() const {
    if (node_->by_key() == nullptr) return std::nullopt;
    return any_partitioner(node_->by_key());
  }
  /// This dataset and all that it is made of, a line each: `(partitions) name operation[id]
  /// [storage level]`. `+-` is a shuffle. For people: its form may change.
  std::string debug_string() const { return detail::debug_string(*node_); }

  // ---- actions

  /// All rows, in partition order.
  rows<T> collect() const { return rows<T>(detail::collect_rows(node_)); }
  std::int64_t count() const { return detail::count_rows(node_); }
  /// The first n rows (n >= 0), reading no more partitions than needed.
  rows<T> take(std::int64_t n) const { return rows<T>(detail::take_rows(node_, n)); }
  /// Throws usage_error where there is none.
  detail::single<T> first() const {
    auto one = detail::take_rows(node_, 1);
    if (one.empty()) throw usage_error("first: the dataset is empty");
    return detail::single_row<T>(std::move(one));
  }
  bool is_empty() const { return detail::take_rows(node_, 1).empty(); }
  /// The n smallest rows in order, by `<` or by less(const T&, const T&); of equal ones the first.
  /// Each task holds about 2 n rows.
  rows<T> take_ordered(std::int64_t n) const { return ordered("take_ordered", n, false); }
  template <class Less>
  rows<T> take_ordered(std::int64_t n, Less less) const {
    return ordered("take_ordered", n, std::move(less), false);
  }
  /// The n largest rows, the largest first.
  rows<T> top(std::int64_t n) const { return ordered("top", n, true); }
  template <class Less>
  rows<T> top(std::int64_t n, Less less) const {
    return ordered("top", n, std::move(less), true);
  }
  /// Exactly n rows by chance, in an order by chance; all of them where there are fewer and none
  /// may be chosen twice. Reads the dataset twice. The same seed chooses the same rows.
  rows<T> take_sample(bool replacement, std::int64_t n, std::uint64_t seed = 1) const {
    return rows<T>(detail::take_sample(node_, replacement, n, seed));
  }
  /// All rows, one partition at a time: `for (const auto& row : data.local_iterator())`.
  local_rows<T> local_iterator() const { return local_rows<T>(node_); }
  /// How often each row occurs.
  row_map<T, std::int64_t> count_by_value() const {
    return map([](const T& row) { return std::pair<T, bool>(row, true); }).count_by_key();
  }

  /// f(T, T) -> T, associative: partitions first, then their results, in order. Throws usage_error
  /// on an empty dataset.
  template <class F>
  detail::single<T> reduce(F f) const {
    return reduced("reduce", std::move(f));
  }
  /// reduce() in Spark's other shape. On one machine the partial results lie together already, so
  /// `depth` (> 0) changes nothing.
  template <class F>
  detail::single<T> tree_reduce(F f, int depth = 2) const {
    check_depth("tree_reduce", depth);
    return reduced("tree_reduce", std::move(f));
  }
  /// f(T, T) -> T from `zero`, which is used once a partition and once at the end.
  template <class F>
  detail::single<T> fold(T zero, F f) const {
    const auto again = detail::copyable(std::move(f));
    return aggregated_by<T>("fold", std::move(zero), again, again);
  }
  /// seq(U, T) -> U from `zero` in each partition, then comb(U, U) -> U from `zero` over their
  /// results.
  template <class U, class Seq, class Comb>
  detail::single<U> aggregate(U zero, Seq seq, Comb comb) const {
    return aggregated_by<U>("aggregate", std::move(zero), std::move(seq), std::move(comb));
  }
  /// aggregate() in Spark's other shape: `zero` is used once a partition and not again at the end.
  /// `depth` (> 0) changes nothing, as in tree_reduce.
  template <class U, class Seq, class Comb>
  detail::single<U> tree_aggregate(U zero, Seq seq, Comb comb, int depth = 2) const {
    check_depth("tree_aggregate", depth);
    check_aggregate<U, Seq, Comb>();
    auto partial = partial_values<U>("tree_aggregate", zero, std::move(seq));
    if (partial.empty()) detail::add_row<U>(partial, std::move(zero));
    return detail::single_row<U>(
        detail::fold_at_driver({&detail::row_type_of<U>(), detail::keep_function(std::move(comb)),
                                detail::reduce_loop<U, Comb>},
                               std::move(partial)));
  }
  /// The largest and the smallest row, by `<` or by less(const T&, const T&); of equal ones the
  /// first. Throw usage_error on an empty dataset.
  detail::single<T> max() const {
    detail::check_order<T>();
    return max(detail::row_less<T>());
  }
  template <class Less>
  detail::single<T> max(Less less) const {
    check_less<Less>();
    return reduced("max", [less = std::move(less)](const T& a, const T& b) -> const T& {
      return detail::call(less, a, b) ? b : a;
    });
  }
  detail::single<T> min() const {
    detail::check_order<T>();
    return min(detail::row_less<T>());
  }
  template <class Less>
  detail::single<T> min(Less less) const {
    check_less<Less>();
    return reduced("min", [less = std::move(less)](const T& a, const T& b) -> const T& {
      return detail::call(less, b, a) ? b : a;
    });
  }

  /// f(const T&) on every row, in tasks, for its effects.
  template <class F>
  void for_each(F f) const {
    static_assert(std::is_invocable_v<const F&, const T&>,
                  "millrace: for_each needs a function of a row, callable as const F&.");
    detail::for_each_chunk(node_, "for_each",
                           {detail::keep_function(std::move(f)), detail::for_each_loop<T, F>});
  }
  /// f(mr::partition_rows<T>&) on every partition, for its effects.
  template <class F>
  void for_each_partition(F f) const {
    static_assert(std::is_invocable_v<const F&, partition_rows<T>&>,
                  "millrace: for_each_partition needs a function of mr::partition_rows<T>&, "
                  "callable as const F&.");
    detail::count_rows(detail::map_partitions(
        {node_}, node_->rows(), "for_each_partition", detail::keep_function(std::move(f)),
        [](detail::step_state& step, int, detail::partition_input* in) {
          partition_rows<T> all(*in);
          detail::call(detail::function_in<F>(step.function), all);
        },
        false, false));
  }

  // ---- approximate actions

  /// What is known of the count after `timeout` of real time: exact where that was long enough,
  /// else an estimate from the partitions that were counted, with bounds that hold with probability
  /// `confidence` if the others are like them; from 0 to infinity where none was. The time a
  /// shuffle takes that the dataset stands on is not limited.
  bounded<double> count_approx(std::chrono::milliseconds timeout, double confidence = 0.95) const {
    return detail::count_approx(node_, timeout, confidence);
  }
  /// About how many different rows there are, `relative_sd` (>= 0.00026) being the standard
  /// deviation of the result as a share of it. Takes 1.1 / relative_sd^2 bytes a task.
  std::int64_t count_approx_distinct(double relative_sd = 0.05) const {
    detail::check_key<T>();
    return detail::count_approx_distinct(node_, relative_sd);
  }

  // ---- actions on numbers (T is arithmetic), as doubles; see mr::statistics

  statistics stats() const
    requires std::is_arithmetic_v<T>
  {
    return detail::statistics_of(node_, "stats");
  }
  double sum() const
    requires std::is_arithmetic_v<T>
  {
    return detail::statistics_of(node_, "sum").sum;
  }
  double mean() const
    requires std::is_arithmetic_v<T>
  {
    return detail::statistics_of(node_, "mean").mean;
  }
  double variance() const
    requires std::is_arithmetic_v<T>
  {
    return detail::statistics_of(node_, "variance").variance;
  }
  double stdev() const
    requires std::is_arithmetic_v<T>
  {
    return detail::statistics_of(node_, "stdev").stdev;
  }
  double sample_variance() const
    requires std::is_arithmetic_v<T>
  {
    return detail::statistics_of(node_, "sample_variance").sample_variance;
  }
  double sample_stdev() const
    requires std::is_arithmetic_v<T>
  {
    return detail::statistics_of(node_, "sample_stdev").sample_stdev;
  }
  /// `buckets` (> 0) of equal width from the least to the greatest row: their edges, one more than
  /// buckets, and how many rows lie in each, the upper edge excluded but for the last. One bucket
  /// where all rows are equal. Throws usage_error on an empty dataset, and where a row is infinite
  /// or NaN.
  std::pair<std::vector<double>, std::vector<std::int64_t>> histogram(int buckets) const
    requires std::is_arithmetic_v<T>
  {
    return detail::histogram(node_, buckets);
  }
  /// The same between edges of yours (two or more, ascending); rows outside are left out.
  std::vector<std::int64_t> histogram(const std::vector<double>& edges) const
    requires std::is_arithmetic_v<T>
  {
    return detail::histogram(node_, edges);
  }

  // ---- actions on pairs

  /// The values of this key, in order. Reads one partition where the partitioner is known.
  rows<typename detail::pair_types<T>::value> lookup(
      const typename detail::pair_types<T>::key& key) const
    requires detail::pair_row<T>
  {
    return rows<typename detail::pair_types<T>::value>(detail::lookup_values(node_, &key));
  }
  /// How many pairs each key has.
  auto count_by_key() const
    requires detail::pair_row<T>
  {
    using V = typename detail::pair_types<T>::value;
    return map_values([](const V&) { return std::int64_t{1}; })
        .reduce_by_key(std::plus<>{})
        .collect_as_map();
  }
  /// All pairs as a map; of several with one key the last.
  auto collect_as_map() const
    requires detail::pair_row<T>
  {
    using K = typename detail::pair_types<T>::key;
    detail::check_key<K>();
    return row_map<K, typename detail::pair_types<T>::value>(detail::collect_rows(node_));
  }
  /// reduce_by_key(f), as a map.
  template <class F>
  auto reduce_by_key_locally(F f) const
    requires detail::pair_row<T>
  {
    return reduce_by_key(std::move(f)).collect_as_map();
  }

  // ---- actions while the program goes on

  job_future<rows<T>> collect_async() const {
    return {node_, [all = *this] { return all.collect(); }};
  }
  job_future<std::int64_t> count_async() const {
    return {node_, [all = *this] { return all.count(); }};
  }
  job_future<rows<T>> take_async(std::int64_t n) const {
    return {node_, [all = *this, n] { return all.take(n); }};
  }
  template <class F>
  job_future<void> for_each_async(F f) const {
    return {node_, [all = *this, f = detail::copyable(std::move(f))] { all.for_each(f); }};
  }

  // ---- saving

  /// A directory of part-NNNNN files, a row a line (see docs/guide for the text form of rows), and
  /// _SUCCESS when all are there. Throws usage_error where the directory exists, unless
  /// hadoop.validateOutputSpecs is false: then it is written over.
  /// `codec` (gzip, zstd, lz4, bzip2) compresses the parts, whose names end in .gz, .zst, .lz4,
  /// .bz2.
  void save_as_text_file(const std::string& path, std::string_view codec = {}) const {
    detail::save_as_text(node_, path, overwrites(), codec);
  }
  /// The same with rows encoded, for `context::object_file<T>`: docs/formats says how.
  void save_as_object_file(const std::string& path) const {
    detail::save_as_object(node_, path, overwrites());
  }

 private:
  bool overwrites() const {
    return !node_->context()->conf().boolean("hadoop.validateOutputSpecs");
  }

  template <class U>
  rdd<U> with(const detail::typed_step<U>& step) const {
    return rdd<U>(detail::apply(node_, step));
  }

  /// A…: what F is called with. `from`: this and the datasets beside it.
  template <class F, class... A, class Indexed, class... From>
  static auto by_partition(std::string_view operation, Indexed f, bool keeps_partitioner,
                           const From&... from) {
    using U = typename detail::partition_row<F, A...>::type;
    return rdd<U>(detail::map_partitions(
        {from.node()...}, detail::row_type_of<U>(), operation, detail::keep_function(std::move(f)),
        [](detail::step_state& step, int index, detail::partition_input* in) {
          detail::output<U> out(step, {nullptr, 0, false});
          const auto run = [&](auto&... rows) {
            const auto& function = detail::function_in<Indexed>(step.function);
            if constexpr (detail::emits<F, A...>) {
              emit<U> to(out);
              function(index, rows..., to);
              return to.enough();
            } else {
              return detail::put_all(out, function(index, rows...)) == detail::flow::enough;
            }
          };
          const bool enough = [&]<std::size_t... I>(std::index_sequence<I...>) {
            std::tuple<partition_rows<typename From::row_type>...> sides{in[I]...};
            return run(std::get<I>(sides)...);
          }(std::index_sequence_for<From...>{});
          if (!enough) out.flush();
        },
        detail::holds_views_v<U>, keeps_partitioner));
  }
  rdd<std::pair<T, std::int64_t>> numbered(std::string_view operation,
                                           detail::row_numbers numbers) const {
    using row = std::pair<T, std::int64_t>;
    return rdd<row>(detail::map_partitions({node_}, detail::row_type_of<row>(), operation,
                                           detail::keep_function(std::move(numbers)),
                                           detail::number_rows<T>, false, false));
  }

  template <class Less>
  static constexpr void check_less() {
    static_assert(std::is_invocable_r_v<bool, const Less&, const T&, const T&>,
                  "millrace: an order is a function of two rows that returns bool.");
  }
  static void check_depth(const char* action, int depth) {
    if (depth < 1)
      throw usage_error(std::string(action) +
                        ": the depth must be positive: " + std::to_string(depth));
  }
  template <class F>
  detail::single<T> reduced(std::string_view action, F f) const {
    static_assert(std::is_invocable_r_v<T, const F&, const T&, const T&>,
                  "millrace: reduce needs a function of two rows that returns such a row.");
    const detail::partition_fold fold{&node_->rows(), detail::keep_function(std::move(f)),
                                      detail::reduce_loop<T, F>};
    auto result = detail::fold_at_driver(fold, detail::fold_partitions(node_, action, fold));
    if (result.empty()) throw usage_error(std::string(action) + ": the dataset is empty");
    return detail::single_row<T>(std::move(result));
  }
  rows<T> ordered(std::string_view action, std::int64_t n, bool descending) const {
    detail::check_order<T>();
    return rows<T>(detail::take_ordered(node_, action, n, {{}, nullptr, descending}));
  }
  template <class Less>
  rows<T> ordered(std::string_view action, std::int64_t n, Less less, bool descending) const {
    check_less<Less>();
    return rows<T>(detail::take_ordered(node_, action, n,
                                        {detail::keep_function(std::move(less)),
                                         [](const void* f, const void* a, const void* b) -> bool {
                                           return detail::call(detail::function_in<Less>(f),
                                                               *static_cast<const T*>(a),
                                                               *static_cast<const T*>(b));
                                         },
                                         descending}));
  }

  template <class K, class... P>
  detail::partitioner_ptr partitioner_of([[maybe_unused]] std::string_view operation,
                                         const std::vector<detail::node_ptr>& parents,
                                         P... p) const {
    static_assert(sizeof...(P) <= 1, "millrace: give one number of partitions or one partitioner.");
    detail::check_key<K>();
    (detail::check_partitions(operation, p), ...);
    if constexpr (sizeof...(P) == 0)
      return detail::default_partitioner(parents, detail::row_type_of<K>());
    else return detail::partitioner_for<K>(p...);
  }

  template <class Row, class... P>
  rdd<Row> aggregated(std::string_view operation, detail::aggregator a, P... p) const {
    auto by = partitioner_of<typename detail::pair_types<T>::key>(operation, {node_}, p...);
    return rdd<Row>(detail::aggregate_by_key(node_, detail::row_type_of<Row>(), operation,
                                             std::move(a), std::move(by)));
  }
  template <class C, class Create, class MergeValue, class MergeCombiners, class... P>
  auto combined(std::string_view operation, Create create, MergeValue merge_value,
                MergeCombiners merge_combiners, P... p) const {
    using K = typename detail::pair_types<T>::key;
    using V = typename detail::pair_types<T>::value;
    return aggregated<std::pair<K, C>>(
        operation,
        detail::combine_aggregator<K, V, C>(std::move(create), std::move(merge_value),
                                            std::move(merge_combiners)),
        p...);
  }
  template <class Row, class... P>
  rdd<Row> grouped(std::string_view operation, std::vector<detail::node_ptr> parents,
                   detail::group_loop loop, P... p) const {
    auto by = partitioner_of<typename detail::pair_types<T>::key>(operation, parents, p...);
    return rdd<Row>(detail::group_by_key(std::move(parents), detail::row_type_of<Row>(), operation,
                                         {}, loop, std::move(by)));
  }
  template <class W, bool LeftOptional, bool RightOptional, class Other, class... P>
  auto joined(std::string_view operation, const Other& other, P... p) const {
    using K = typename detail::pair_types<T>::key;
    using V = typename detail::pair_types<T>::value;
    using row = detail::joined_row<K, V, W, LeftOptional, RightOptional>;
    return joined_with<row>(
        operation, other,
        {detail::join_values<K, V, W, LeftOptional, RightOptional>, RightOptional, LeftOptional},
        p...);
  }
  template <class Row, class Other, class... P>
  rdd<Row> joined_with(std::string_view operation, const Other& other, detail::join_form form,
                       P... p) const {
    auto by =
        partitioner_of<typename detail::pair_types<T>::key>(operation, {node_, other.node()}, p...);
    return rdd<Row>(detail::join(node_, other.node(), detail::row_type_of<Row>(), operation, form,
                                 std::move(by)));
  }
  template <class U, class Seq, class Comb>
  static constexpr void check_aggregate() {
    static_assert(
        std::is_invocable_r_v<U, const Seq&, const U&, const T&> &&
            std::is_invocable_r_v<U, const Comb&, const U&, const U&>,
        "millrace: fold and aggregate need functions of the value so far and a row, or of "
        "two such values, that return such a value.");
  }
  /// A value a partition, each from `zero`.
  template <class U, class Seq>
  detail::row_buffer partial_values(std::string_view action, U zero, Seq seq) const {
    return detail::fold_partitions(
        node_, action,
        {&detail::row_type_of<U>(),
         detail::keep_function(detail::fold_function<U, Seq>{std::move(zero), std::move(seq)}),
         detail::fold_loop_from<U, T, Seq>});
  }
  template <class U, class Seq, class Comb>
  detail::single<U> aggregated_by(std::string_view action, U zero, Seq seq, Comb comb) const {
    check_aggregate<U, Seq, Comb>();
    auto partial = partial_values<U>(action, zero, std::move(seq));
    return detail::single_row<U>(detail::fold_at_driver(
        {&detail::row_type_of<U>(),
         detail::keep_function(detail::fold_function<U, Comb>{std::move(zero), std::move(comb)}),
         detail::fold_loop_from<U, U, Comb>},
        std::move(partial)));
  }

  detail::node_ptr node_;
};

}  // namespace millrace
