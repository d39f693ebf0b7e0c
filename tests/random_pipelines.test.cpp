// Random pipelines over random rows, by seed. Datasets: at 1, 2 and 7 threads the same rows in the
// same order and partitions, to the bit. Streams: what the batches gave together is what the whole
// input gives at once.
//
// MILLRACE_RANDOM_SEED=n runs that one only; a failure says which, and the operations.
// MILLRACE_RANDOM_SEEDS=n runs so many instead of a few.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "millrace/millrace.hpp"
#include "millrace/testing.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;

using number = std::int64_t;
using numbers = std::pair<number, number>;
using text = std::string;
using counted = std::pair<text, number>;

// Either a dataset or a stream, of one of four kinds of row.
template <template <class> class D>
using any = std::variant<D<number>, D<numbers>, D<text>, D<counted>>;

/// Choices by seed, and the names of what was chosen.
class choices {
 public:
  explicit choices(std::uint64_t seed) : random_(seed) {}

  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  int partitions() { return 1 + below(5); }
  void chose(const char* name) { story_.append(story_.empty() ? "" : ", ").append(name); }
  const std::string& story() const { return story_; }

  /// Mostly a few hundred rows; at times many chunks of them, and where `many`, once in a while so
  /// many different keys that a task gives up combining.
  std::vector<number> rows(bool many) {
    const int scale = below(60);
    const int most = scale == 0 && many ? 300'000 : scale < 6 ? 5'000 : 500;
    const int keys = 1 + below(scale == 0 ? most : 300);
    std::vector<number> made;
    for (int left = below(most + 1); left > 0; --left) made.push_back(below(2 * keys) - keys);
    return made;
  }

 private:
  std::mt19937_64 random_;
  std::string story_;
};

/// A function of two numbers that neither commutes nor associates exactly: any other order shows.
number mixed(number a, number b) {
  return static_cast<number>(static_cast<std::uint64_t>(a) * 31 + static_cast<std::uint64_t>(b));
}
/// Numbers wrap around.
number wrapped(number a, std::uint64_t times, std::uint64_t plus) {
  return static_cast<number>(static_cast<std::uint64_t>(a) * times + plus);
}
/// Sums of these depend on the order of addition.
double third(number x) { return static_cast<double>(x) / 3.0; }

// ---- row by row: for datasets and streams alike

template <template <class> class D>
any<D> narrow(choices& c, const D<number>& in) {
  switch (c.below(7)) {
    case 0: c.chose("map"); return in.map([](number x) { return wrapped(x, 3, 1); });
    case 1: c.chose("filter"); return in.filter([](number x) { return x % 3 != 0; });
    case 2:
      c.chose("flat_map");
      return in.flat_map([](number x) {
        return x % 2 == 0 ? std::vector<number>{x, wrapped(x, 1, 1)} : std::vector<number>{};
      });
    case 3:
      c.chose("map_partitions");
      return in.map_partitions([](partition_rows<number>& rows, emit<number>& out) {
        for (const number x : rows) out(wrapped(x, 1, std::uint64_t(-5)));
      });
    case 4:
      c.chose("union");
      return in.union_with(in.map([](number x) { return wrapped(x, std::uint64_t(-1), 0); }));
    case 5: c.chose("key_by"); return in.key_by([](number x) { return x % 7; });
    default:
      c.chose("to text");
      return in.map([](number x) { return "row " + std::to_string(x % 40) + " of a long text"; });
  }
}

template <template <class> class D>
any<D> narrow(choices& c, const D<numbers>& in) {
  switch (c.below(5)) {
    case 0: c.chose("map_values"); return in.map_values([](number x) { return wrapped(x, 1, 2); });
    case 1:
      c.chose("flat_map_values");
      return in.flat_map_values(
          [](number x) { return std::vector<number>(x % 3 == 0 ? 2 : 1, x); });
    case 2:
      c.chose("swap");
      return in.map([](const numbers& row) { return numbers(row.second % 11, row.first); });
    case 3:
      c.chose("to number");
      return in.map([](const numbers& r) {
        return wrapped(r.first, 1, static_cast<std::uint64_t>(r.second));
      });
    default:
      c.chose("text keys");
      return in.map([](const numbers& row) {
        return counted("key " + std::to_string(row.first), row.second);
      });
  }
}

template <template <class> class D>
any<D> narrow(choices& c, const D<text>& in) {
  switch (c.below(4)) {
    case 0: c.chose("append"); return in.map([](const text& t) { return t + " more"; });
    case 1: c.chose("filter"); return in.filter([](const text& t) { return t.size() % 2 == 0; });
    case 2:  // rows that are views, and text of our own again
      c.chose("split");
      return in.flat_map(split(' ')).map([](std::string_view word) { return text(word); });
    default: c.chose("count one"); return in.map([](const text& t) { return counted(t, 1); });
  }
}

template <template <class> class D>
any<D> narrow(choices& c, const D<counted>& in) {
  switch (c.below(4)) {
    case 0: c.chose("map_values"); return in.map_values([](number x) { return wrapped(x, 2, 0); });
    case 1:
      c.chose("filter");
      return in.filter([](const counted& row) { return row.second % 5 != 0; });
    case 2: c.chose("keys"); return in.map([](const counted& row) { return row.first; });
    default:
      c.chose("lengths");
      return in.map([](const counted& row) {
        return numbers(static_cast<number>(row.first.size()), row.second);
      });
  }
}

// ---- what moves rows: for datasets

template <class T>
rdd<T> moved(choices& c, const rdd<T>& in) {
  switch (c.below(4)) {
    case 0: c.chose("distinct"); return in.distinct(c.partitions());
    case 1: c.chose("repartition"); return in.repartition(c.partitions());
    case 2: {
      c.chose("sort_by");
      const bool ascending = c.below(2) == 0;
      return in.sort_by([](const T& row) { return row; },
                        {.ascending = ascending, .partitions = c.partitions()});
    }
    default: {
      const rdd<T> some = in.filter([](const T& row) { return std::hash<T>{}(row) % 3 != 0; });
      if (c.below(2) == 0) {
        c.chose("intersection");
        return in.intersection(some);
      }
      c.chose("subtract");
      return in.subtract(some);
    }
  }
}

any<rdd> wide(choices& c, const rdd<number>& in) { return moved(c, in); }
any<rdd> wide(choices& c, const rdd<text>& in) { return moved(c, in); }

template <class K>
any<rdd> wide(choices& c, const rdd<std::pair<K, number>>& in) {
  using row = std::pair<K, number>;
  const int n = c.partitions();
  const auto in_order = [](const std::vector<number>& values) {
    number all = 7;
    for (const number v : values) all = mixed(all, v);
    return all;
  };
  const auto both = [](const auto& sides) {
    const auto value = [](const auto& side) -> number {
      if constexpr (std::is_same_v<std::decay_t<decltype(side)>, number>) return side;
      else return side.value_or(-1);
    };
    return mixed(value(sides.first), value(sides.second));
  };
  switch (c.below(16)) {
    case 0: c.chose("reduce_by_key plus"); return in.reduce_by_key(std::plus<>{}, n);
    case 1: c.chose("reduce_by_key mixed"); return in.reduce_by_key(mixed, n);
    case 2:
      c.chose("reduce_by_key of doubles");
      return in.map_values(third).reduce_by_key(std::plus<>{}, n).map_values([](double x) {
        return std::bit_cast<number>(x);
      });
    case 3: c.chose("fold_by_key"); return in.fold_by_key(3, mixed, n);
    case 4:
      c.chose("aggregate_by_key");
      return in
          .aggregate_by_key(
              text(), [](const text& t, number x) { return t + std::to_string(x % 10); },
              [](const text& a, const text& b) { return a + "|" + b; }, n)
          .map_values([](const text& t) { return static_cast<number>(std::hash<text>{}(t)); });
    case 5:
      c.chose("combine_by_key");
      return in
          .combine_by_key([](number x) { return third(x); },
                          [](double a, number x) { return a + third(x); },
                          [](double a, double b) { return a + b; }, n)
          .map_values([](double x) { return std::bit_cast<number>(x); });
    case 6: c.chose("group_by_key"); return in.group_by_key(n).map_values(in_order);
    case 7:
      c.chose("cogroup");
      return in.cogroup(in.map_values([](number x) { return wrapped(x, 1, 1); }))
          .map_values([in_order](const auto& groups) {
            return mixed(in_order(std::get<0>(groups)), in_order(std::get<1>(groups)));
          });
    case 8: c.chose("partition_by"); return in.partition_by(hash_partitioner{n});
    case 9: c.chose("sort_by_key"); return in.sort_by_key({.partitions = n});
    case 10: {
      c.chose("subtract_by_key");
      return in.subtract_by_key(in.filter([](const row& r) { return r.second % 2 == 0; }), n);
    }
    case 11: return moved(c, in.map([](const row& r) { return r.second; }));
    default: break;
  }
  // One row a key on the other side, so that joins do not multiply.
  const auto other = in.filter([](const row& r) {
                         return r.second % 3 != 0;
                       }).reduce_by_key(std::plus<>{}, c.partitions());
  switch (c.below(4)) {
    case 0: c.chose("join"); return in.join(other, n).map_values(both);
    case 1: c.chose("left_outer_join"); return in.left_outer_join(other, n).map_values(both);
    case 2: c.chose("right_outer_join"); return in.right_outer_join(other, n).map_values(both);
    default: c.chose("full_outer_join"); return in.full_outer_join(other, n).map_values(both);
  }
}

// ---- running them

template <template <class> class D>
any<D> narrow_steps(choices& c, any<D> at) {
  for (int left = 1 + c.below(6); left > 0; --left)
    at = std::visit([&](const auto& in) { return narrow<D>(c, in); }, at);
  return at;
}

any<rdd> steps(choices& c, any<rdd> at) {
  for (int left = 2 + c.below(6); left > 0; --left) {
    const bool moves = c.below(2) == 0;
    at = std::visit([&](const auto& in) { return moves ? wide(c, in) : narrow<rdd>(c, in); }, at);
    // In the middle of it, so that what is kept is read back.
    if (c.below(6) == 0) {
      c.chose("cache");
      std::visit([](const auto& kept) { kept.cache(); }, at);
    }
  }
  return at;
}

text shown(number x) { return std::to_string(x); }
text shown(const text& t) { return t; }
template <class A, class B>
text shown(const std::pair<A, B>& row) {
  return "(" + shown(row.first) + "," + shown(row.second) + ")";
}

/// A text a row, and one between partitions.
template <class T>
std::vector<text> rows_and_cuts(const rdd<T>& dataset) {
  std::vector<text> all;
  for (const auto& partition : dataset.glom().collect()) {
    for (const auto& row : partition) all.push_back(shown(row));
    all.emplace_back("--");
  }
  return all;
}

/// Calls f(seed) for each seed, or for the one that was asked for.
template <class F>
void for_seeds(std::uint64_t seeds, const F& f) {
  if (const char* one = std::getenv("MILLRACE_RANDOM_SEED"))
    return f(std::strtoull(one, nullptr, 10));
  if (const char* told = std::getenv("MILLRACE_RANDOM_SEEDS"))
    seeds = std::strtoull(told, nullptr, 10);
  for (std::uint64_t seed = 1; seed <= seeds && !::testing::Test::HasFailure(); ++seed) f(seed);
}

std::string about(std::uint64_t seed, const choices& c) {
  return "MILLRACE_RANDOM_SEED=" + std::to_string(seed) + ": " + c.story();
}

context threads(int n) {
  return context{{.name = "random", .master = "local[" + std::to_string(n) + "]"}};
}

TEST(RandomPipelinesThreads, datasets_do_not_depend_on_the_number_of_threads) {
  const context contexts[] = {threads(1), threads(2), threads(7)};
  for_seeds(120, [&](std::uint64_t seed) {
    std::vector<text> expected;
    for (const context& sc : contexts) {
      choices c(seed);
      const auto rows = c.rows(true);
      const auto result = steps(c, sc.parallelize(rows, 1 + c.below(8)));
      const auto got = std::visit([](const auto& d) { return rows_and_cuts(d); }, result);
      if (&sc == contexts) expected = got;
      ASSERT_EQ(got, expected) << about(seed, c);
      // Once more: what was shuffled and kept by now gives the same.
      ASSERT_EQ(std::visit([](const auto& d) { return rows_and_cuts(d); }, result), expected)
          << about(seed, c) << ", the second time";
    }
  });
}

std::vector<std::vector<number>> cut_into_batches(choices& c, const std::vector<number>& rows) {
  std::vector<std::vector<number>> batches(1 + static_cast<std::size_t>(c.below(6)));
  std::size_t at = 0;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const std::size_t left = rows.size() - at;
    const std::size_t size = i + 1 == batches.size()
                                 ? left
                                 : static_cast<std::size_t>(c.below(static_cast<int>(left) + 1));
    batches[i].assign(rows.begin() + static_cast<std::ptrdiff_t>(at),
                      rows.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
  }
  return batches;
}

/// What the batches of a stream gave, and the sums by key of each, where rows are pairs.
struct streamed {
  std::vector<std::vector<text>> batches;
  std::vector<text> together;  // sorted
  std::map<text, number> sums;
};

template <class T>
void add_sums(std::map<text, number>& sums, const T& pairs) {
  for (const auto& [key, value] : pairs) sums[shown(key)] += value;
}

streamed run_stream(choices& c, int threads, const std::vector<std::vector<number>>& batches) {
  // Equal partitions for all: their number is not what is tested here.
  testing::stream_fixture s{{.master = "local[" + std::to_string(threads) + "]",
                             .batch = 1s,
                             .conf = {{"default.parallelism", "3"}}}};
  const auto input = s.input<number>();
  s.feed(input, batches);
  streamed result;
  std::visit(
      [&]<class T>(const dstream<T>& stream) {
        const auto seen = s.collect(stream);
        const auto finish = [&] {
          s.run();
          std::vector<T> all;
          for (const auto& batch : seen.batches()) {
            all.insert(all.end(), batch.begin(), batch.end());
            auto& rows = result.batches.emplace_back();
            for (const T& row : batch) rows.push_back(shown(row));
          }
          std::sort(all.begin(), all.end());
          for (const T& row : all) result.together.push_back(shown(row));
        };
        if constexpr (detail::pair_row<T>) {
          const auto sums = s.collect(stream.reduce_by_key(std::plus<>{}));
          finish();
          for (const auto& batch : sums.batches()) add_sums(result.sums, batch);
        } else {
          finish();
        }
      },
      narrow_steps<dstream>(c, input));
  EXPECT_EQ(result.batches.size(), batches.size());
  return result;
}

streamed run_at_once(choices& c, const context& sc, const std::vector<number>& rows) {
  streamed result;
  std::visit(
      [&]<class T>(const rdd<T>& dataset) {
        auto all = dataset.collect().to_vector();
        std::sort(all.begin(), all.end());
        for (const T& row : all) result.together.push_back(shown(row));
        if constexpr (detail::pair_row<T>)
          add_sums(result.sums, dataset.reduce_by_key(std::plus<>{}).collect());
      },
      narrow_steps<rdd>(c, sc.parallelize(rows, 3)));
  return result;
}

TEST(RandomPipelinesThreads, streams_give_together_what_the_whole_input_gives_at_once) {
  const context sc = threads(2);
  for_seeds(80, [&](std::uint64_t seed) {
    choices drawn(seed);
    const auto rows = drawn.rows(false);
    const auto batches = cut_into_batches(drawn, rows);

    choices at_once = drawn;
    const streamed expected = run_at_once(at_once, sc, rows);
    std::vector<std::vector<text>> first;
    for (const int n : {1, 2, 7}) {
      choices c = drawn;
      const streamed got = run_stream(c, n, batches);
      ASSERT_EQ(got.together, expected.together) << about(seed, c) << ", threads: " << n;
      ASSERT_EQ(got.sums, expected.sums) << about(seed, c) << ", threads: " << n;
      if (n == 1) first = got.batches;
      ASSERT_EQ(got.batches, first) << about(seed, c) << ", threads: " << n;
    }
  });
}

}  // namespace
}  // namespace millrace
