// operations: every operation and action of a dataset on rows of integers and of short text, in
// nanoseconds a row: on one thread and partition, on two, and beside a loop by hand where somebody
// would write one (one thread).
//
// Rows are in memory and 100,000 different ones; what an operation makes is counted and dropped.
// The ratio of two threads to one is the scaling.
//
//   MILLRACE_BENCH_ROWS         10,000,000
//   MILLRACE_BENCH_OPERATIONS   all, or those whose name begins so: "sort"

#include <millrace/millrace.hpp>

#include <array>
#include <deque>

#include "hand/hand.hpp"
#include "measure.hpp"
#include "random_pairs.hpp"

namespace mr = millrace;

namespace {

using bench::better;
using count_function = std::function<std::int64_t()>;

constexpr std::uint64_t keys = 100'000;

std::size_t rows_wanted() {
  const char* told = std::getenv("MILLRACE_BENCH_ROWS");
  return told != nullptr ? static_cast<std::size_t>(std::max(1'000LL, std::atoll(told)))
                         : 10'000'000;
}

bool wanted(const std::string& operation) {
  const char* told = std::getenv("MILLRACE_BENCH_OPERATIONS");
  return told == nullptr || operation.starts_with(told);
}

/// Rows that view text lie beside their text, in their order, as they do in a dataset.
class texts {
 public:
  /// The text of a key: 4 to 9 bytes, all different.
  std::string_view keep(std::uint64_t key) {
    std::array<char, 16> word;
    std::size_t size = 0;
    for (std::uint64_t left = key; left != 0; left /= 26)
      word[size++] = static_cast<char>('a' + left % 26);
    for (const char c : std::string_view("abcde", 4 + key % 2)) word[size++] = c;
    if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < size)
      blocks_.emplace_back().reserve(std::size_t{1} << 20);
    std::string& to = blocks_.back();
    to.append(word.data(), size);
    return std::string_view(to).substr(to.size() - size);
  }

 private:
  std::deque<std::string> blocks_;
};

/// What one operation is measured on.
template <class T>
struct inputs {
  using pair = std::pair<T, std::int64_t>;
  texts kept;
  std::vector<T> rows;
  std::vector<pair> pairs;
  std::vector<pair> once;  // each key once

  explicit inputs(std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      rows.push_back(row_of(bench::spread(~std::uint64_t{i}) % keys));
      pairs.emplace_back(rows.back(), static_cast<std::int64_t>(i));
    }
    for (std::uint64_t key = 0; key < keys; ++key)
      once.emplace_back(row_of(key), static_cast<std::int64_t>(key));
  }
  T row_of(std::uint64_t key) {
    if constexpr (std::is_same_v<T, std::int64_t>) return static_cast<T>(bench::spread(key));
    else return kept.keep(key);
  }
};

template <class T>
struct datasets {
  using pair = std::pair<T, std::int64_t>;
  int n;
  mr::rdd<T> rows;
  mr::rdd<pair> pairs;
  mr::rdd<pair> once;

  datasets(const mr::context& sc, const inputs<T>& from, int partitions)
      : n(partitions),
        rows(sc.parallelize(from.rows, n)),
        pairs(sc.parallelize(from.pairs, n)),
        once(sc.parallelize(from.once, n)) {}
};

template <class T>
class suite {
 public:
  using pair = std::pair<T, std::int64_t>;

  suite(const mr::context& sc, const inputs<T>& from, const char* kind)
      : from_(from), kind_(kind), on_one_(sc, from, 1), on_two_(sc, from, 2) {}

  /// `ours(datasets)` and `by_hand()` give how many rows come out.
  template <class F>
  void measure(const std::string& operation, const F& ours, const count_function& by_hand = {}) {
    if (!wanted(operation)) return;
    const std::int64_t expected = by_hand ? by_hand() : ours(on_one_);
    const auto nanoseconds_a_row = [&](const auto& run) {
      const bench::stopwatch time;
      const std::int64_t rows = run();
      const double seconds = time.seconds();
      bench::agree("rows", rows, expected);
      return std::vector<double>{seconds * 1e9 / static_cast<double>(from_.rows.size())};
    };
    bench::contest contest(operation + " of " + kind_, {{"time", "ns/row", better::lower}});
    std::vector<std::string> beside;
    if (by_hand) {
      contest.add("by hand 1t", [&] { return nanoseconds_a_row(by_hand); });
      beside.emplace_back("by hand 1t");
    }
    contest.add(
        "millrace 1t", [&] { return nanoseconds_a_row([&] { return ours(on_one_); }); }, beside);
    contest.add("millrace 2t", [&] { return nanoseconds_a_row([&] { return ours(on_two_); }); },
                {"millrace 1t"});
    contest.run();
  }

  void row_by_row() {
    const auto& rows = from_.rows;
    measure(
        "map", [](const auto& d) { return d.rows.map(by_map).count(); },
        [&] { return hand::map_rows<T>(rows); });
    measure(
        "filter", [](const auto& d) { return d.rows.filter(by_filter).count(); },
        [&] { return hand::filter_rows<T>(rows); });
    measure("flat_map", [](const auto& d) {
      return d.rows.flat_map([](const T& r, mr::emit<T>& out) { out(r); }).count();
    });
    measure("key_by", [](const auto& d) { return d.rows.key_by(by_map).count(); });
    measure("map_partitions", [](const auto& d) {
      return d.rows
          .map_partitions([](mr::partition_rows<T>& all, mr::emit<T>& out) {
            for (const T& r : all) out(hand::mapped(r));
          })
          .count();
    });
    measure("map_values", [](const auto& d) {
      return d.pairs.map_values([](std::int64_t v) { return v + 1; }).count();
    });
    measure("flat_map_values", [](const auto& d) {
      return d.pairs.flat_map_values([](std::int64_t v) { return std::array<std::int64_t, 1>{v}; })
          .count();
    });
    measure("keys", [](const auto& d) { return d.pairs.keys().count(); });
    measure("values", [](const auto& d) { return d.pairs.values().count(); });
    measure("union_with", [](const auto& d) { return d.rows.union_with(d.rows).count(); });
    measure("zip", [](const auto& d) { return d.rows.zip(d.rows).count(); });
    measure("zip_with_index", [](const auto& d) { return d.rows.zip_with_index().count(); });
    measure("glom", [](const auto& d) { return d.rows.glom().count() / d.n; });
    // Five maps and filters in a row: work that is all map.
    measure("pipeline", [](const auto& d) {
      return d.pairs.map_values([](std::int64_t v) { return v + 1; })
          .filter([](const pair& r) { return r.second % 2 == 0; })
          .map([](const pair& r) { return pair(r.first, r.second * 3); })
          .filter([](const pair& r) { return r.second % 5 != 0; })
          .map([](const pair& r) { return r.second; })
          .count();
    });
  }

  void moving() {
    const auto& rows = from_.rows;
    measure(
        "distinct", [](const auto& d) { return d.rows.distinct(d.n).count(); },
        [&] { return hand::distinct_rows<T>(rows); });
    measure(
        "sort_by",
        [](const auto& d) {
          return d.rows.sort_by([](const T& r) { return r; }, {.partitions = d.n}).count();
        },
        sort_by_hand());
    measure("repartition", [](const auto& d) { return d.rows.repartition(d.n + 1).count(); });
    measure("coalesce", [](const auto& d) { return d.rows.coalesce(1).count(); });
    measure("intersection",
            [](const auto& d) { return d.rows.intersection(d.once.keys()).count(); });
    measure("subtract", [](const auto& d) { return d.rows.subtract(d.once.keys()).count(); });
  }

  void by_key() {
    const auto& pairs = from_.pairs;
    const auto plus = std::plus<>{};
    measure(
        "reduce_by_key", [=](const auto& d) { return d.pairs.reduce_by_key(plus, d.n).count(); },
        [&] { return hand::reduce_rows<T>(pairs); });
    measure("fold_by_key",
            [=](const auto& d) { return d.pairs.fold_by_key(0, plus, d.n).count(); });
    measure("aggregate_by_key",
            [=](const auto& d) { return d.pairs.aggregate_by_key(0.0, plus, plus, d.n).count(); });
    measure("combine_by_key", [=](const auto& d) {
      return d.pairs
          .combine_by_key([](std::int64_t v) { return static_cast<double>(v); }, plus, plus, d.n)
          .count();
    });
    measure(
        "group_by_key", [](const auto& d) { return d.pairs.group_by_key(d.n).count(); },
        [&] { return hand::group_rows<T>(pairs); });
    measure("partition_by",
            [](const auto& d) { return d.pairs.partition_by(mr::hash_partitioner{d.n}).count(); });
    measure("sort_by_key",
            [](const auto& d) { return d.pairs.sort_by_key({.partitions = d.n}).count(); });
    measure(
        "join", [](const auto& d) { return d.pairs.join(d.once, d.n).count(); },
        [&] { return hand::join_rows<T>(pairs, from_.once); });
    measure("left_outer_join",
            [](const auto& d) { return d.pairs.left_outer_join(d.once, d.n).count(); });
    measure("right_outer_join",
            [](const auto& d) { return d.pairs.right_outer_join(d.once, d.n).count(); });
    measure("full_outer_join",
            [](const auto& d) { return d.pairs.full_outer_join(d.once, d.n).count(); });
    measure("cogroup", [](const auto& d) { return d.pairs.cogroup(d.once).count(); });
    measure("subtract_by_key",
            [](const auto& d) { return d.pairs.subtract_by_key(d.once, d.n).count(); });
  }

  void actions() {
    measure("count", [](const auto& d) { return d.rows.count(); });
    measure(
        "reduce",
        [](const auto& d) {
          const auto most =
              d.rows.reduce([](const T& a, const T& b) -> const T& { return a < b ? b : a; });
          return size_of(most);
        },
        [&] { return size_of(hand::largest_row<T>(from_.rows)); });
    measure("aggregate", [](const auto& d) {
      return d.rows.aggregate(
          std::int64_t{0}, [](std::int64_t n, const T&) { return n + 1; }, std::plus<>{});
    });
    measure("collect",
            [](const auto& d) { return static_cast<std::int64_t>(d.rows.collect().size()); });
    measure("for_each", [](const auto& d) {
      d.rows.for_each([](const T& r) { asm volatile("" : : "r"(&r) : "memory"); });
      return std::int64_t{0};
    });
  }

 private:
  static constexpr auto by_map = [](const T& r) { return hand::mapped(r); };
  static constexpr auto by_filter = [](const T& r) { return hand::kept(r); };

  /// Something to agree on about one row, which may be an owning one.
  template <class R>
  static std::int64_t size_of(const R& row) {
    const T& value = row;
    if constexpr (std::is_same_v<T, std::int64_t>) return value;
    else return static_cast<std::int64_t>(value.size());
  }

  count_function sort_by_hand() const {
    return [this] {
      auto copy = from_.rows;  // as a dataset stays what it was
      hand::sort_rows<T>(copy);
      return static_cast<std::int64_t>(copy.size());
    };
  }

  const inputs<T>& from_;
  std::string kind_;
  datasets<T> on_one_;
  datasets<T> on_two_;
};

template <class T>
void run(const mr::context& sc, const inputs<T>& from, const char* kind) {
  suite<T> all(sc, from, kind);
  all.row_by_row();
  all.moving();
  all.by_key();
  all.actions();
}

/// The same reduction under keys of either kind: integers must not be the slower.
void compare_keys(const mr::context& sc, const inputs<std::int64_t>& integers,
                  const inputs<std::string_view>& text) {
  if (!wanted("reduce_by_key")) return;
  const auto by_integer = sc.parallelize(integers.pairs, 2);
  const auto by_text = sc.parallelize(text.pairs, 2);
  const auto rate = [](const auto& pairs, std::size_t rows) {
    const bench::stopwatch time;
    pairs.reduce_by_key(std::plus<>{}, 2).count();
    return std::vector<double>{static_cast<double>(rows) / time.seconds() / 1e6};
  };
  bench::contest contest("reduce_by_key", {{"throughput", "M rows/s"}});
  contest.add("millrace 2t, text", [&] { return rate(by_text, text.rows.size()); });
  contest.add("millrace 2t, integers", [&] { return rate(by_integer, integers.rows.size()); },
              {"millrace 2t, text"});
  contest.run();
}

}  // namespace

int main() {
  return bench::run_program([] {
    const std::size_t size = rows_wanted();
    const inputs<std::int64_t> integers(size);
    const inputs<std::string_view> text(size);
    mr::context sc{{.name = "operations", .master = "local[2]"}};
    run(sc, integers, "integers");
    run(sc, text, "text");
    compare_keys(sc, integers, text);
  });
}
