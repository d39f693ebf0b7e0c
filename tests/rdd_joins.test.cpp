// Joins against a plain double loop: every kind, either side larger, several kinds of rows.
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "rdd_fixture.hpp"

namespace millrace::tests {
namespace {
template <class Rows>
auto sorted(const Rows& rows) {
  auto all = rows.to_vector();
  std::sort(all.begin(), all.end());
  return all;
}

template <class K, class V, class W>
struct expected {
  pairs<K, std::pair<V, W>> inner;
  pairs<K, std::pair<V, std::optional<W>>> left;
  pairs<K, std::pair<std::optional<V>, W>> right;
  pairs<K, std::pair<std::optional<V>, std::optional<W>>> full;
  pairs<K, V> only;

  expected(const pairs<K, V>& a, const pairs<K, W>& b) {
    for (const auto& [k, v] : a) {
      bool met = false;
      for (const auto& [l, w] : b) {
        if (k != l) continue;
        met = true;
        inner.push_back({k, {v, w}});
        left.push_back({k, {v, w}});
        right.push_back({k, {v, w}});
        full.push_back({k, {v, w}});
      }
      if (met) continue;
      left.push_back({k, {v, std::nullopt}});
      full.push_back({k, {v, std::nullopt}});
      only.push_back({k, v});
    }
    for (const auto& [l, w] : b) {
      const K& key = l;
      if (std::any_of(a.begin(), a.end(), [&](const auto& row) { return row.first == key; }))
        continue;
      right.push_back({l, {std::nullopt, w}});
      full.push_back({l, {std::nullopt, w}});
    }
    std::sort(inner.begin(), inner.end());
    std::sort(left.begin(), left.end());
    std::sort(right.begin(), right.end());
    std::sort(full.begin(), full.end());
    std::sort(only.begin(), only.end());
  }
};

template <class K, class V, class W>
void check(context& sc, const pairs<K, V>& a, const pairs<K, W>& b) {
  const expected<K, V, W> wanted(a, b);
  const auto left = sc.parallelize(a, 3);
  const auto right = sc.parallelize(b, 2);
  for (const int parts : {1, 4}) {
    EXPECT_EQ(sorted(left.join(right, parts).collect()), wanted.inner);
    EXPECT_EQ(sorted(left.left_outer_join(right, parts).collect()), wanted.left);
    EXPECT_EQ(sorted(left.right_outer_join(right, parts).collect()), wanted.right);
    EXPECT_EQ(sorted(left.full_outer_join(right, parts).collect()), wanted.full);
    EXPECT_EQ(sorted(left.subtract_by_key(right, parts).collect()), wanted.only);
    // One side is where it belongs already.
    EXPECT_EQ(sorted(left.partition_by(parts).full_outer_join(right, parts).collect()),
              wanted.full);
  }
}

struct RddJoinsThreads : testing::TestWithParam<const char*> {
  context sc{{.name = "joins", .master = GetParam()}};
};

TEST_P(RddJoinsThreads, AgreeWithTwoLoops) {
  std::mt19937 random(7);
  const std::vector<std::pair<int, int>> sizes{{0, 0}, {0, 5},   {5, 0},   {1, 1},
                                               {7, 7}, {9, 400}, {400, 9}, {250, 300}};
  for (const auto& [m, n] : sizes) {
    pairs<std::int64_t, std::int64_t> numbers_a;
    pairs<std::int64_t, std::int64_t> numbers_b;
    pairs<std::string, std::string> texts_a;
    pairs<std::string, int> texts_b;
    pairs<std::vector<int>, double> lists_a;  // keys of the general kind
    pairs<std::vector<int>, std::string> lists_b;
    const auto key = [&] { return static_cast<int>(random() % 200); };
    const auto text = [&](int k) { return std::string(static_cast<std::size_t>(k % 40), 'k'); };
    for (int i = 0; i < m; ++i) {
      const int k = key();
      numbers_a.emplace_back(k, i);
      texts_a.emplace_back(text(k), "a long enough value " + std::to_string(i));
      lists_a.emplace_back(std::vector<int>{k, k / 2}, i / 3.0);
    }
    for (int i = 0; i < n; ++i) {
      const int k = key() + 50;
      numbers_b.emplace_back(k, -i);
      texts_b.emplace_back(text(k), i);
      lists_b.emplace_back(std::vector<int>{k, k / 2}, std::to_string(i));
    }
    check(sc, numbers_a, numbers_b);
    check(sc, texts_a, texts_b);
    check(sc, lists_a, lists_b);
  }
}

TEST_P(RddJoinsThreads, OrderIsThatOfTheLargerSide) {
  const auto large =
      sc.parallelize(pairs<int, int>{{3, 0}, {1, 1}, {9, 2}, {3, 3}, {2, 4}, {1, 5}, {8, 6}}, 2);
  const auto small = sc.parallelize(pairs<int, char>{{1, 'a'}, {3, 'b'}, {7, 'c'}, {1, 'd'}}, 2);
  const pairs<int, std::pair<int, char>> inner{{3, {0, 'b'}}, {1, {1, 'a'}}, {1, {1, 'd'}},
                                               {3, {3, 'b'}}, {1, {5, 'a'}}, {1, {5, 'd'}}};
  EXPECT_EQ(large.join(small, 1).collect().to_vector(), inner);
  pairs<int, std::pair<char, int>> turned;
  for (const auto& [k, v] : inner) turned.push_back({k, {v.second, v.first}});
  EXPECT_EQ(small.join(large, 1).collect().to_vector(), turned);
  // Rows of the smaller side that match none come last.
  const auto full = small.full_outer_join(large, 1).collect().to_vector();
  EXPECT_EQ(full.back(), (std::pair<int, std::pair<std::optional<char>, std::optional<int>>>(
                             7, {'c', std::nullopt})));
}

TEST_P(RddJoinsThreads, ManyRowsOfOneKeyThatMatchNone) {
  const auto ones = sc.range(0, 5000, 1, 2).map([](std::int64_t i) { return std::pair(1, i); });
  const auto others = sc.range(0, 6000, 1, 2).map([](std::int64_t i) { return std::pair(2, i); });
  EXPECT_EQ(ones.full_outer_join(others, 3).count(), 11'000);
  EXPECT_EQ(ones.left_outer_join(others, 1).values().keys().collect().to_vector().back(), 4999);
  EXPECT_EQ(ones.left_outer_join(others, 1).take(3).size(), 3U);
  EXPECT_EQ(ones.join(others).count(), 0);
}

INSTANTIATE_TEST_SUITE_P(Masters, RddJoinsThreads, testing::ValuesIn(masters), name_of_master);

}  // namespace
}  // namespace millrace::tests
