// Operations by key: aggregation, groups, joins, partitioners, sorting, distinct, repartitioning.
#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;
using int_rows = std::vector<int>;

template <class T>
std::vector<T> sorted(std::vector<T> rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}
template <class T>
std::vector<T> sorted(const rdd<T>& data) {
  return sorted(data.collect().to_vector());
}

class RddKeyed : public testing::TestWithParam<const char*> {
 protected:
  context sc{{.name = "keyed", .master = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Masters, RddKeyed, testing::ValuesIn(masters), name_of_master);

// ---- the same for every kind of key

enum class color : std::uint8_t { red, green, blue };
struct id {
  std::string name;
  int n;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 in <=> for a pointer
  auto operator<=>(const id&) const = default;
};
template <class K>
K key_of(int i);
template <>
bool key_of(int i) {
  return i % 2 == 0;
}
template <>
char key_of(int i) {
  return static_cast<char>('a' + i % 26);
}
template <>
color key_of(int i) {
  return static_cast<color>(i % 3);
}
template <>
std::int64_t key_of(int i) {
  return std::int64_t{i % 97} << 40;
}
template <>
double key_of(int i) {
  return i % 97 / 4.0;
}
template <>
std::string key_of(int i) {
  return std::string(static_cast<std::size_t>(i % 40), 'k') + std::to_string(i % 7);
}
template <>
std::pair<char, int> key_of(int i) {
  return {key_of<char>(i), i % 5};
}
template <>
std::set<int> key_of(int i) {
  return {i % 5, i % 7 + 10, 100};
}
template <>
std::vector<std::string> key_of(int i) {
  return {key_of<std::string>(i), "x"};
}
template <>
id key_of(int i) {
  return {key_of<std::string>(i), i % 3};
}
template <>
std::optional<int> key_of(int i) {
  return i % 5 == 0 ? std::nullopt : std::optional(i % 11);
}
template <>
std::chrono::milliseconds key_of(int i) {
  return std::chrono::milliseconds(i % 31);
}
template <>
tracked key_of(int i) {
  return {i % 13};
}

template <class K>
class KeysOf : public testing::Test {};
using key_types = testing::Types<bool, char, color, std::int64_t, double, std::string,
                                 std::pair<char, int>, std::set<int>, std::vector<std::string>, id,
                                 std::optional<int>, std::chrono::milliseconds, tracked>;
TYPED_TEST_SUITE(KeysOf, key_types);

TYPED_TEST(KeysOf, EveryOperationByKey) {
  using K = TypeParam;
  pairs<K, int> rows;
  std::map<K, std::vector<int>> groups;
  for (int i = 0; i < 4000; ++i) {
    rows.emplace_back(key_of<K>(i * 31), i);
    groups[rows.back().first].push_back(i);
  }
  pairs<K, int> sums;
  pairs<K, std::string> texts;
  for (const auto& [k, vs] : groups) {
    sums.emplace_back(k, std::accumulate(vs.begin(), vs.end(), 0));
    std::string text;
    for (int v : vs) text += std::to_string(v) + ",";
    texts.emplace_back(k, text);
  }
  const auto append = [](const std::string& a, const std::string& b) { return a + b; };
  const auto as_text = [](int v) { return std::to_string(v) + ","; };
  std::vector<std::pair<K, std::string>> first;
  for (const char* master : masters) {
    const context sc{{.name = "keys", .master = master}};
    const auto data = sc.parallelize(rows, 3);
    EXPECT_EQ(sorted(data.reduce_by_key(std::plus<>{})), sums);
    EXPECT_EQ(sorted(data.reduce_by_key([](int a, int b) { return a + b; }, 5)), sums);
    const auto joined = data.map_values(as_text).reduce_by_key(append, 4);
    EXPECT_EQ(sorted(joined), texts) << "values must be folded in order";
    EXPECT_EQ(joined.partitions(), 4);
    // The same rows in the same order on any master.
    if (first.empty()) first = joined.collect().to_vector();
    EXPECT_EQ(joined.collect(), first);

    pairs<K, std::vector<int>> grouped(groups.begin(), groups.end());
    EXPECT_EQ(sorted(data.group_by_key(2)), grouped);
    // Values of another size than the table's own.
    pairs<K, std::size_t> sizes;
    for (const auto& [k, vs] : groups) sizes.emplace_back(k, vs.size());
    const auto count_of = [](const std::vector<std::string>& vs) { return vs.size(); };
    EXPECT_EQ(sorted(data.map_values(as_text).group_by_key().map_values(count_of)), sizes);

    std::vector<K> keys;
    for (const auto& g : groups) keys.push_back(g.first);
    EXPECT_EQ(sorted(data.keys().distinct(2)), keys);

    const auto lookup = sc.parallelize(sums, 2).map_values([](int v) { return std::to_string(v); });
    EXPECT_EQ(data.join(lookup).count(), 4000);
    EXPECT_EQ(data.partition_by(3).reduce_by_key(std::plus<>{}).count(),
              static_cast<std::int64_t>(keys.size()));
    EXPECT_EQ(sorted(data.aggregate_by_key(
                  std::string(), [](std::string s, int v) { return s + std::to_string(v) + ","; },
                  append)),
              texts);

    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto unsorted = rows;
    EXPECT_EQ(data.sort_by_key({.partitions = 3}).collect(), rows);
    rows.clear();
    for (int i = 0; i < 4000; ++i) rows.emplace_back(key_of<K>(i * 31), i);
  }
}

// ---- aggregation

TEST_P(RddKeyed, ViewsAsKeysAndValues) {
  const strings words = long_words(500);
  std::map<std::string, std::string> longest;
  for (const auto& w : words) {
    auto& l = longest[w.substr(w.size() - 1)];
    l = std::max(l, w);
  }
  // Keys and values view rows that are gone when the shuffle is read.
  const auto dying = sc.parallelize(words, 3).map([](const std::string& w) { return w + ""; });
  const auto views = dying.map([](const std::string& w) {
    return std::pair(std::string_view(w).substr(w.size() - 1), std::string_view(w));
  });
  const auto check = [&](const auto& rows) {
    ASSERT_EQ(rows.size(), longest.size());
    for (const auto& [k, v] : rows) EXPECT_EQ(longest.at(std::string(k)), v);
  };
  const auto larger = [](std::string_view a, std::string_view b) { return a < b ? b : a; };
  check(views.reduce_by_key(larger).collect());
  check(views.partition_by(2).reduce_by_key(larger).collect());
  check(views.repartition(5).reduce_by_key(larger, 3).collect());
  const auto grouped = views.group_by_key().collect();
  std::size_t n = 0;
  for (const auto& [k, vs] : grouped)
    for (const auto& v : vs) n += v.substr(v.size() - 1) == k;
  EXPECT_EQ(n, words.size());
  strings in_order = words;
  std::sort(in_order.begin(), in_order.end());
  EXPECT_EQ(dying.map([](const std::string& w) { return std::pair(std::string_view(w), 1); })
                .sort_by_key()
                .keys()
                .collect(),
            in_order);
  EXPECT_EQ(dying.map([](const std::string& w) { return std::string_view(w); }).distinct().count(),
            500);
  const auto joined = views.join(views.reduce_by_key(larger)).collect();
  EXPECT_EQ(joined.size(), words.size());
  for (const auto& [k, v] : joined) EXPECT_EQ(longest.at(std::string(k)), v.second);
  const auto outer = views.left_outer_join(sc.empty<std::pair<std::string_view, int>>()).collect();
  EXPECT_EQ(outer.size(), words.size());
}

TEST_P(RddKeyed, EmptyAndAddresslessKeys) {
  const pairs<std::string_view, int> rows{{"", 1}, {std::string_view(), 2}, {"a", 3}};
  const pairs<std::string, int> sums{{"", 3}, {"a", 3}};
  const auto owned = [](const std::pair<std::string_view, int>& p) {
    return std::pair(std::string(p.first), p.second);
  };
  EXPECT_EQ(sorted(sc.parallelize(rows, 2).reduce_by_key(std::plus<>{}).map(owned)), sums);
  // A key that the function made of nothing.
  const auto made = sc.range(3).map([](std::int64_t) { return std::pair(std::string_view(), 1); });
  EXPECT_EQ(made.reduce_by_key(std::plus<>{}).collect(), (pairs<std::string_view, int>{{"", 3}}));
  EXPECT_EQ(made.sort_by_key().count(), 3);
  EXPECT_EQ(made.group_by_key().count(), 1);
}

TEST_P(RddKeyed, FloatingKeys) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto sums = sc.parallelize(pairs<double, int>{{nan, 1}, {-nan, 2}, {0.0, 3}, {-0.0, 4}}, 2)
                        .reduce_by_key(std::plus<>{})
                        .values()
                        .collect()
                        .to_vector();
  EXPECT_EQ(sorted(sums), (int_rows{3, 7}));
}

TEST_P(RddKeyed, CombineAndFold) {
  const auto data = sc.parallelize(pairs<std::string, int>{{"a", 1}, {"b", 2}, {"a", 3}}, 2);
  EXPECT_EQ(sorted(data.fold_by_key(10, std::plus<>{}, 1)),
            (pairs<std::string, int>{{"a", 24}, {"b", 12}}));  // zero once a key and map partition
  EXPECT_EQ(sorted(data.combine_by_key([](int v) { return int_rows{v}; },
                                       [](int_rows c, int v) {
                                         c.push_back(v);
                                         return c;
                                       },
                                       [](int_rows a, const int_rows& b) {
                                         a.insert(a.end(), b.begin(), b.end());
                                         return a;
                                       })),
            (pairs<std::string, int_rows>{{"a", {1, 3}}, {"b", {2}}}));
}

TEST_P(RddKeyed, ManyDifferentKeysAreNotCombinedButRight) {
  // More than half of the first 64 Ki rows are new: map sides stop combining.
  const auto data = sc.range(0, 200'000, 1, 2).map([](std::int64_t i) {
    return std::pair(i / 2 * 2 % 150'000, 1);
  });
  const auto counts = data.reduce_by_key(std::plus<>{});
  EXPECT_EQ(counts.count(), 75'000);
  EXPECT_EQ(counts.values().reduce(std::plus<>{}), 200'000);
  EXPECT_EQ(data.keys().distinct().count(), 75'000);
  EXPECT_EQ(data.partition_by(2).reduce_by_key([](int a, int b) { return a + b; }).count(), 75'000);
}

TEST_P(RddKeyed, EmptyInputs) {
  const auto none = sc.empty<std::pair<int, int>>();
  const auto some = sc.parallelize(pairs<int, int>{{1, 1}}, 2);
  const auto filtered = some.filter([](const auto&) { return false; });
  for (const auto& data : {none, filtered}) {
    EXPECT_EQ(data.reduce_by_key(std::plus<>{}).count(), 0);
    EXPECT_EQ(data.group_by_key(3).count(), 0);
    EXPECT_EQ(data.sort_by_key().count(), 0);
    EXPECT_EQ(data.distinct().count(), 0);
    EXPECT_EQ(data.repartition(3).partitions(), 3);
    EXPECT_EQ(data.repartition(3).count(), 0);
    EXPECT_EQ(data.join(some).count(), 0);
    EXPECT_EQ(some.left_outer_join(data).count(), 1);
    EXPECT_EQ(some.subtract_by_key(data).count(), 1);
    EXPECT_EQ(some.cogroup(data).count(), 1);
  }
}

// ---- joins

TEST_P(RddKeyed, Joins) {
  const auto a = sc.parallelize(pairs<std::string, int>{{"x", 1}, {"y", 2}, {"x", 3}, {"z", 4}}, 2);
  const auto b =
      sc.parallelize(pairs<std::string, char>{{"y", 'b'}, {"x", 'a'}, {"w", 'd'}, {"x", 'c'}}, 3);
  const std::optional<int> no_int;
  const std::optional<char> no_char;
  EXPECT_EQ(
      sorted(a.join(b)),
      (pairs<std::string, std::pair<int, char>>{
          {"x", {1, 'a'}}, {"x", {1, 'c'}}, {"x", {3, 'a'}}, {"x", {3, 'c'}}, {"y", {2, 'b'}}}));
  EXPECT_EQ(sorted(a.left_outer_join(b, 1)),
            (pairs<std::string, std::pair<int, std::optional<char>>>{{"x", {1, 'a'}},
                                                                     {"x", {1, 'c'}},
                                                                     {"x", {3, 'a'}},
                                                                     {"x", {3, 'c'}},
                                                                     {"y", {2, 'b'}},
                                                                     {"z", {4, no_char}}}));
  EXPECT_EQ(sorted(a.right_outer_join(b)),
            (pairs<std::string, std::pair<std::optional<int>, char>>{{"w", {no_int, 'd'}},
                                                                     {"x", {1, 'a'}},
                                                                     {"x", {1, 'c'}},
                                                                     {"x", {3, 'a'}},
                                                                     {"x", {3, 'c'}},
                                                                     {"y", {2, 'b'}}}));
  EXPECT_EQ(a.full_outer_join(b).count(), 7);
  const auto full = sorted(a.full_outer_join(b));
  EXPECT_EQ(full.front().second, (std::pair<std::optional<int>, std::optional<char>>(no_int, 'd')));
  EXPECT_EQ(full.back().second, (std::pair<std::optional<int>, std::optional<char>>(4, no_char)));
  EXPECT_EQ(sorted(a.cogroup(b, a)),
            (pairs<std::string, std::tuple<int_rows, std::vector<char>, int_rows>>{
                {"w", {{}, {'d'}, {}}},
                {"x", {{1, 3}, {'a', 'c'}, {1, 3}}},
                {"y", {{2}, {'b'}, {2}}},
                {"z", {{4}, {}, {4}}}}));
  EXPECT_EQ(sorted(a.subtract_by_key(b)), (pairs<std::string, int>{{"z", 4}}));
  EXPECT_EQ(sorted(a.keys().intersection(b.keys())), (strings{"x", "y"}));
  EXPECT_EQ(sorted(a.keys().subtract(b.keys())), (strings{"z"}));
  EXPECT_EQ(a.join(b).partitions(), 3);
  EXPECT_EQ(a.join(b, 7).partitions(), 7);
  // Many rows of one key: more than a chunk comes out, and it can be stopped.
  const auto ones =
      sc.range(0, 300, 1, 2).map([](std::int64_t i) { return std::pair(1, static_cast<int>(i)); });
  EXPECT_EQ(ones.join(ones).count(), 90'000);
  EXPECT_EQ(ones.join(ones).take(5).size(), 5U);
}

// ---- partitioners

struct by_last_digit {
  int n;
  int partitions() const { return n; }
  int operator()(const int& key) const { return key % n; }
  bool operator==(const by_last_digit&) const = default;
};
struct out_of_range {
  int partitions() const { return 2; }
  int operator()(const int&) const { return 2; }
  bool operator==(const out_of_range&) const = default;
};

TEST_P(RddKeyed, NoShuffleWherePartitionedAlready) {
  const auto rows = sc.range(0, 100, 1, 3).map([](std::int64_t i) {
    return std::pair(static_cast<int>(i % 10), 1);
  });
  const auto plus = std::plus<>{};
  const auto stages = [&](const auto& data) { return stages_of(sc, [&] { data.count(); }); };
  EXPECT_EQ(stages(rows.reduce_by_key(plus)), 2);
  EXPECT_EQ(stages(rows.reduce_by_key(plus).map_values([](int v) { return v; }).group_by_key()), 2);
  EXPECT_EQ(
      stages(rows.reduce_by_key(plus).filter([](const auto&) { return true; }).reduce_by_key(plus)),
      2);
  EXPECT_EQ(
      stages(rows.reduce_by_key(plus).map([](const auto& r) { return r; }).reduce_by_key(plus)), 3);
  EXPECT_EQ(stages(rows.reduce_by_key(plus, 4).reduce_by_key(plus, 5)), 3);
  EXPECT_EQ(stages(rows.partition_by(4).partition_by(hash_partitioner{4})), 2);
  EXPECT_EQ(stages(rows.partition_by(by_last_digit{4}).reduce_by_key(plus, by_last_digit{4})), 2);
  EXPECT_EQ(stages(rows.partition_by(by_last_digit{4}).reduce_by_key(plus, by_last_digit{5})), 3);
  EXPECT_EQ(stages(rows.partition_by(by_last_digit{4}).reduce_by_key(plus)), 2);
  const auto a = rows.partition_by(4);
  const auto b = rows.reduce_by_key(plus, 4);
  EXPECT_EQ(stages(a.join(b)), 3);  // two shuffles, none for the join
  EXPECT_EQ(sorted(a.join(b).values().values().distinct()), (int_rows{10}));
  EXPECT_EQ(stages(a.join(rows)), 2);  // one side moves (the other's output is there already)
  EXPECT_EQ(a.join(rows).partitions(), 4);
  EXPECT_EQ(a.join(rows).count(), 1000);
  EXPECT_EQ(
      a.map_partitions([](partition_rows<std::pair<int, int>>& r) { return r.to_rows(); }, true)
          .reduce_by_key(plus)
          .count(),
      10);
  EXPECT_EQ(stages(a.sort_by_key().reduce_by_key(plus)), 2);
}

TEST_P(RddKeyed, DefaultPartitioners) {
  const auto pairs_in = [&](int n) {
    return sc.range(0, 20, 1, n).map([](std::int64_t i) { return std::pair(i, i); });
  };
  EXPECT_EQ(pairs_in(3).reduce_by_key(std::plus<>{}).partitions(), 3);
  EXPECT_EQ(pairs_in(3).join(pairs_in(5)).partitions(), 5);
  EXPECT_EQ(pairs_in(3).partition_by(2).join(pairs_in(5)).partitions(), 2);
  EXPECT_EQ(pairs_in(3).partition_by(2).join(pairs_in(19)).partitions(), 2);
  EXPECT_EQ(pairs_in(3).partition_by(2).join(pairs_in(20)).partitions(), 20);  // ten times as many
  EXPECT_EQ(pairs_in(3).keys().distinct().partitions(), 3);
  const context six{
      {.name = "six", .master = GetParam(), .conf = {{"spark.default.parallelism", "6"}}}};
  const auto some = six.range(0, 20, 1, 3).map([](std::int64_t i) { return std::pair(i, i); });
  EXPECT_EQ(some.reduce_by_key(std::plus<>{}).partitions(), 6);
  EXPECT_EQ(some.partition_by(2).reduce_by_key(std::plus<>{}).partitions(), 2);
  EXPECT_EQ(six.range(5).partitions(), 6);
}

TEST_P(RddKeyed, AUsersPartitioner) {
  std::vector<std::pair<int, int>> rows;
  for (int i = 0; i < 1000; ++i) rows.emplace_back(i, -i);
  const auto data = sc.parallelize(rows, 3);
  for (const auto& parts : {by_partition(data.partition_by(by_last_digit{10})),
                            by_partition(data.reduce_by_key(std::plus<>{}, by_last_digit{10}))}) {
    ASSERT_EQ(parts.size(), 10U);
    for (std::size_t p = 0; p < 10; ++p) {
      ASSERT_EQ(parts[p].size(), 100U);
      for (std::size_t i = 0; i < 100; ++i)
        EXPECT_EQ(parts[p][i],
                  (std::pair(static_cast<int>(p + 10 * i), -static_cast<int>(p + 10 * i))));
    }
  }
  EXPECT_NE(
      error_of<usage_error>([&] { data.partition_by(out_of_range()).count(); }).find("2 of 2"),
      std::string::npos);
  EXPECT_NE(
      error_of<usage_error>([&] { data.reduce_by_key(std::plus<>{}, out_of_range()).count(); }),
      "");
}

TEST_P(RddKeyed, HashPartitionsAreTheSameEverywhere) {
  // Version 1 of the partition hash: a change of these is a change of formats.
  const auto parts = by_partition(sc.parallelize(strings{"a", "b", "c", "d", "e", "f", "g", "h"}, 1)
                                      .map([](const std::string& w) { return std::pair(w, 1); })
                                      .partition_by(4)
                                      .keys());
  const auto views =
      by_partition(sc.parallelize(strings{"a", "b", "c", "d", "e", "f", "g", "h"}, 2)
                       .map([](const std::string& w) { return std::pair(std::string_view(w), 1); })
                       .reduce_by_key(std::plus<>{}, 4)
                       .map([](const auto& p) { return std::string(p.first); }));
  ASSERT_EQ(parts.size(), views.size());
  for (std::size_t i = 0; i < parts.size(); ++i) EXPECT_EQ(parts[i], sorted(views[i]));
}

TEST_P(RddKeyed, MisusedPartitionCounts) {
  const auto data = sc.parallelize(pairs<int, int>{{1, 1}}, 1);
  for (const int n : {0, -3}) {
    const auto says = [n](const std::string& text) {
      EXPECT_NE(text.find("positive"), std::string::npos) << text;
      EXPECT_NE(text.find(std::to_string(n)), std::string::npos) << text;
    };
    says(error_of<usage_error>([&] { data.reduce_by_key(std::plus<>{}, n); }));
    says(error_of<usage_error>([&] { data.group_by_key(n); }));
    says(error_of<usage_error>([&] { data.partition_by(n); }));
    says(error_of<usage_error>([&] { data.repartition(n); }));
    says(error_of<usage_error>([&] { data.join(data, hash_partitioner{n}); }));
  }
  EXPECT_NE(error_of<usage_error>([&] { data.sort_by_key({.partitions = -1}); }).find("-1"),
            std::string::npos);
  EXPECT_NE(error_of<usage_error>([&] { data.distinct(-1); }).find("-1"), std::string::npos);
}

// ---- distinct

TEST_P(RddKeyed, DistinctKeepsTheFirst) {
  const int_rows rows{3, 1, 3, 2, 1, 1, 3};
  EXPECT_EQ(sc.parallelize(rows, 2).distinct(1).collect(), (int_rows{3, 1, 2}));
  EXPECT_EQ(sorted(sc.parallelize(rows, 3).distinct(5)), (int_rows{1, 2, 3}));
  EXPECT_EQ(sorted(sc.parallelize(std::vector<bool>{true, false, true}, 2).distinct()),
            (std::vector<bool>{false, true}));
  // The rows' own partitions do not outlive a change of the values.
  pairs<int, int> many;
  for (int i = 0; i < 100; ++i) many.emplace_back(1, i);
  const auto changed = sc.parallelize(many, 4).distinct().map_values([](int) { return 0; });
  EXPECT_EQ(changed.distinct().collect(), (pairs<int, int>{{1, 0}}));
}

// ---- whole rows

TEST_P(RddKeyed, RepartitionsEvenly) {
  for (const int from : {1, 3, 8}) {
    for (const int to : {1, 2, 5, 16}) {
      const auto data = sc.range(0, 1000, 1, from).repartition(to);
      EXPECT_EQ(data.partitions(), to);
      std::multiset<std::int64_t> seen;
      for (const auto& part : by_partition(data)) {
        EXPECT_LE(part.size(), 1000U / static_cast<unsigned>(to) + 1 + static_cast<unsigned>(from));
        EXPECT_GE(part.size() + static_cast<unsigned>(from), 1000U / static_cast<unsigned>(to));
        seen.insert(part.begin(), part.end());
      }
      EXPECT_EQ(seen.size(), 1000U);
      EXPECT_EQ(std::set<std::int64_t>(seen.begin(), seen.end()).size(), 1000U);
    }
  }
  EXPECT_EQ(sc.parallelize(std::vector<bool>{true, false, true}, 2)
                .repartition(2)
                .filter([](bool b) { return b; })
                .count(),
            2);
  ASSERT_EQ(tracked::alive, 0);
  {
    const auto data =
        sc.range(0, 3000, 1, 3).map([](std::int64_t i) { return tracked(static_cast<int>(i)); });
    EXPECT_EQ(sorted(data.repartition(4).map([](const tracked& t) { return t.n; })).back(), 2999);
    EXPECT_EQ(data.distinct().count(), 3000);
    EXPECT_EQ(
        data.map([](const tracked& t) { return std::pair(t, t); }).sort_by_key().first().first.n,
        0);
    EXPECT_EQ(data.map([](const tracked& t) { return std::pair(t, t); }).group_by_key().count(),
              3000);
    EXPECT_THROW(data.map([](const tracked& t) { return std::pair(t.n % 7, t); })
                     .reduce_by_key([](const tracked& a, const tracked& b) {
                       if (b.n == 2222) throw std::runtime_error("no");
                       return tracked(a.n + b.n);
                     })
                     .collect(),
                 job_error);
  }
  EXPECT_EQ(tracked::alive, 0);
}

// ---- sorting

TEST_P(RddKeyed, SortsStablyByAnyKey) {
  std::mt19937 random(1);
  for (const int n : {0, 1, 100, 10'000}) {
    pairs<int, int> numbers;
    pairs<std::string, int> texts;
    pairs<std::pair<int, int>, int> records;
    pairs<double, int> reals;
    for (int i = 0; i < n; ++i) {
      const int k = static_cast<int>(random() % 1000) - 500;
      numbers.emplace_back(k, i);
      texts.emplace_back("common prefix "[k & 1 ? 0 : 7] + std::to_string(k), i);
      records.emplace_back(std::pair(k % 7, k), i);
      reals.emplace_back(k / 8.0, i);
    }
    const auto check = [&](auto rows) {
      for (const bool up : {true, false}) {
        auto expected = rows;
        std::stable_sort(expected.begin(), expected.end(), [up](const auto& a, const auto& b) {
          return up ? a.first < b.first : b.first < a.first;
        });
        for (const int partitions : {0, 1, 5}) {
          const auto data =
              sc.parallelize(rows, 3).sort_by_key({.ascending = up, .partitions = partitions});
          EXPECT_EQ(data.collect(), expected);
          EXPECT_LE(data.partitions(), partitions == 0 ? 3 : partitions);
        }
      }
    };
    check(numbers);
    check(texts);
    check(records);
    check(reals);
    if (n == 10'000) {
      const auto parts = by_partition(sc.parallelize(numbers, 3).sort_by_key({.partitions = 5}));
      for (const auto& p : parts)
        EXPECT_GT(p.size(), 500U);  // cut into ranges of nearly equal size
    }
  }
  EXPECT_EQ(sc.parallelize(strings{"bb", "a", "ccc"}, 2).sort_by(&std::string::size).collect(),
            (strings{"a", "bb", "ccc"}));
  EXPECT_EQ(sc.range(0, 100, 1, 4)
                .map([](std::int64_t) { return std::pair(1, 1); })
                .sort_by_key()
                .partitions(),
            2);
}

TEST_P(RddKeyed, SortsNumbersThatAreNone) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto keys =
      sc.parallelize(pairs<double, int>{{nan, 1}, {1.0, 2}, {-1.0, 3}, {nan, 4}, {0.0, 5}}, 2)
          .sort_by_key({.partitions = 1})
          .values()
          .collect();
  EXPECT_EQ(keys, (int_rows{3, 5, 2, 1, 4}));
}

}  // namespace
}  // namespace millrace
