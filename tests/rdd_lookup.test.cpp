// Actions that find and order rows, maps, partitioners, ranges of keys.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;

class RddLookup : public testing::TestWithParam<const char*> {
 protected:
  context sc{{.name = "lookup", .master = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Masters, RddLookup, testing::ValuesIn(masters), name_of_master);

// ---- top, take_ordered

TEST_P(RddLookup, TopAndTakeOrderedAgreeWithASort) {
  std::mt19937 random(3);
  ints all(20'000);
  for (auto& n : all) n = static_cast<std::int64_t>(random() % 5000);
  const auto data = sc.parallelize(all, 5);
  std::sort(all.begin(), all.end());
  for (const std::int64_t n : {0, 1, 10, 3000, 20'000, 30'000}) {
    const auto some = std::min<std::ptrdiff_t>(n, 20'000);
    EXPECT_EQ(data.take_ordered(n), ints(all.begin(), all.begin() + some));
    EXPECT_EQ(data.top(n), ints(all.rbegin(), all.rbegin() + some));
  }
  EXPECT_EQ(sc.empty<int>().top(3).size(), 0U);
  EXPECT_EQ(sc.parallelize(ints{}, 2).take_ordered(3).size(), 0U);
  for (const auto* name : {"top", "take_ordered"})
    EXPECT_NE(error_of<usage_error>([&] {
                std::string(name) == "top" ? data.top(-1) : data.take_ordered(-1);
              }).find(std::string(name) + ": the number of rows must not be negative: -1"),
              std::string::npos);
  event_recorder seen(sc);
  data.top(0);
  EXPECT_EQ(seen.count(detail::event::kind::job_started), 0);
}

TEST_P(RddLookup, AnOrderOfYourOwn) {
  const auto words = sc.parallelize<std::string>({"pear", "fig", "plum", "apple", "kiwi"}, 3);
  const auto shorter = [](const std::string& a, const std::string& b) {
    return a.size() < b.size();
  };
  // Of equal rows the first.
  EXPECT_EQ(words.take_ordered(3, shorter), (strings{"fig", "pear", "plum"}));
  EXPECT_EQ(words.top(2, shorter), (strings{"apple", "pear"}));
  const std::string why = error_of<job_error>([&] {
    words.top(2, [](const std::string&, const std::string&) -> bool {
      throw std::runtime_error("no order");
    });
  });
  EXPECT_NE(why.find("in top"), std::string::npos) << why;
}

TEST_P(RddLookup, OrderedViewsOwnTheirText) {
  rows<std::string_view> top;
  {
    const auto words = long_words(5000);
    top = sc.parallelize(std::vector<std::string_view>(words.begin(), words.end()), 3).top(2);
  }
  EXPECT_EQ(top, (strings{"a word that is long enough for the heap 999",
                          "a word that is long enough for the heap 998"}));
}

TEST_P(RddLookup, NaNComesAfterAllNumbers) {
  const auto data = sc.parallelize({2.0, std::nan(""), 1.0}, 2);
  EXPECT_EQ(data.take_ordered(2), (std::vector<double>{1, 2}));
  EXPECT_TRUE(std::isnan(data.top(1)[0]));
}

// ---- trees

TEST_P(RddLookup, TreesGiveWhatReduceAndAggregateGive) {
  const auto data = sc.range(1, 101, 1, 7);
  const auto text = data.map([](std::int64_t n) { return std::to_string(n); });
  for (const int depth : {1, 2, 5}) {
    EXPECT_EQ(data.tree_reduce(std::plus<>{}, depth), 5050);
    EXPECT_EQ(text.tree_reduce(std::plus<>{}, depth), text.reduce(std::plus<>{}));
    // The zero is used once a partition only.
    EXPECT_EQ(data.tree_aggregate(std::int64_t{1}, std::plus<>{}, std::plus<>{}, depth), 5057);
  }
  EXPECT_EQ(sc.empty<std::int64_t>().tree_aggregate(std::int64_t{9}, std::plus<>{}, std::plus<>{}),
            9);
  EXPECT_NE(error_of<usage_error>([&] { data.tree_reduce(std::plus<>{}, 0); }).find("tree_reduce"),
            std::string::npos);
  EXPECT_NE(error_of<usage_error>([&] {
              data.tree_aggregate(std::int64_t{}, std::plus<>{}, std::plus<>{}, -1);
            }).find("tree_aggregate: the depth must be positive: -1"),
            std::string::npos);
  EXPECT_EQ(error_of<usage_error>([&] { sc.empty<int>().tree_reduce(std::plus<>{}); }),
            "tree_reduce: the dataset is empty");
}

// ---- maps

TEST_P(RddLookup, CountsByValueAndByKey) {
  row_map<std::string_view, std::int64_t> counts;
  {
    const std::string text = "b a b c b a";
    counts = sc.parallelize<std::string_view>({text}).flat_map(words()).count_by_value();
  }
  EXPECT_EQ(counts.size(), 3U);
  EXPECT_EQ(counts.at("b"), 3);
  EXPECT_EQ(counts.at("a"), 2);
  EXPECT_TRUE(counts.contains("c"));
  EXPECT_EQ(counts.find("d"), counts.end());
  EXPECT_EQ(counts.find("a")->second, 2);
  std::int64_t total = 0;
  for (const auto& [word, n] : counts) total += n;
  EXPECT_EQ(total, 6);
  try {
    static_cast<void>(counts.at("zebra"));
    ADD_FAILURE() << "there is no zebra";
  } catch (const std::out_of_range& e) {
    EXPECT_NE(std::string(e.what()).find("zebra"), std::string::npos);
  }
  const auto data = sc.parallelize<std::pair<int, double>>({{1, 0.5}, {2, 1.5}, {1, 2.5}}, 2);
  EXPECT_EQ(data.count_by_key().at(1), 2);
  EXPECT_EQ(data.reduce_by_key_locally(std::plus<>{}).at(1), 3.0);
  EXPECT_TRUE((sc.empty<std::pair<int, int>>().count_by_key().empty()));
  EXPECT_TRUE((sc.empty<std::pair<int, int>>().collect_as_map().empty()));
  EXPECT_FALSE((row_map<int, int>().contains(1)));
}

TEST_P(RddLookup, OfSeveralPairsWithOneKeyTheLastIsKept) {
  pairs<std::string, int> all;
  for (int i = 0; i < 5000; ++i) all.emplace_back("key number " + std::to_string(i % 700), i);
  const auto map = sc.parallelize(all, 4).collect_as_map();
  EXPECT_EQ(map.size(), 700U);
  for (int i = 0; i < 700; ++i)
    ASSERT_EQ(map.at("key number " + std::to_string(i)), i < 100 ? 4900 + i : 4200 + i);
}

TEST_P(RddLookup, LookupReadsOnePartitionWhereThePartitionerIsKnown) {
  const auto data = sc.range(0, 1000, 1, 4).map([](std::int64_t n) {
    return std::pair{n % 10, std::to_string(n)};
  });
  EXPECT_EQ(data.filter([](const auto& p) { return p.first == 3; }).count(), 100);
  const auto values = data.lookup(3);
  ASSERT_EQ(values.size(), 100U);
  EXPECT_EQ(values[0], "3");
  EXPECT_EQ(values[99], "993");
  EXPECT_TRUE(data.lookup(77).empty());
  EXPECT_EQ(sc.empty<decltype(data)::row_type>().lookup(1).size(), 0U);

  const auto by = data.partition_by(4);
  by.cache();
  EXPECT_EQ(by.lookup(3), values);
  EXPECT_EQ(by.count(), 1000);
  event_recorder seen(sc);
  EXPECT_EQ(by.lookup(3), values);
  EXPECT_EQ(seen.count(detail::event::kind::task_ended), 1);
}

// ---- local_iterator

TEST_P(RddLookup, LocalIteratorRunsAJobAPartition) {
  const auto data = sc.range(0, 10, 1, 4).filter([](std::int64_t n) { return n > 2; });
  event_recorder seen(sc);
  ints all;
  for (const auto n : data.local_iterator()) {
    if (n == 3) {
      EXPECT_EQ(seen.count(detail::event::kind::job_started), 2);
    }
    all.push_back(n);
  }
  EXPECT_EQ(all, (ints{3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(seen.count(detail::event::kind::job_started), 4);
  for (const auto& n : sc.empty<int>().local_iterator()) ADD_FAILURE() << n;
  const auto bad = data.map([](std::int64_t n) {
    if (n == 9) throw std::runtime_error("nine");
    return n;
  });
  std::int64_t last = 0;
  EXPECT_NE(error_of<job_error>([&] {
              for (const auto n : bad.local_iterator()) last = n;
            }).find("nine"),
            std::string::npos);
  EXPECT_EQ(last, 6);
}

// ---- partitioners

TEST_P(RddLookup, RangePartitionersCutByKey) {
  const auto data =
      sc.range(0, 1000, 1, 3).map([](std::int64_t n) { return std::pair{(n * 7919) % 1000, n}; });
  const range_partitioner up(4, data);
  const range_partitioner down(4, data, false);
  EXPECT_EQ(up.partitions(), 4);
  EXPECT_TRUE(up == up);
  EXPECT_FALSE(up == down);
  EXPECT_EQ(up(std::int64_t{0}), 0);
  EXPECT_EQ(up(std::int64_t{999}), 3);
  EXPECT_EQ(down(std::int64_t{999}), 0);
  const auto parts = by_partition(data.partition_by(up).keys());
  ASSERT_EQ(parts.size(), 4U);
  std::int64_t above = -1;
  for (const auto& part : parts) {
    ASSERT_FALSE(part.empty());
    EXPECT_GT(*std::min_element(part.begin(), part.end()), above);
    above = *std::max_element(part.begin(), part.end());
  }
  // One that is known is not shuffled again.
  const auto sums = data.partition_by(up).reduce_by_key(std::plus<>{}, up);
  EXPECT_EQ(stages_of(sc, [&] { sums.count(); }), 2);
  EXPECT_EQ(range_partitioner(4, sc.empty<std::pair<int, int>>()).partitions(), 1);
  EXPECT_NE(error_of<usage_error>([&] { range_partitioner(0, data); }).find("range_partitioner"),
            std::string::npos);
  EXPECT_NE(error_of<usage_error>([&] {
              sc.empty<std::pair<int, int>>().partition_by(up);
            }).find("the partitioner is for other keys"),
            std::string::npos);
}

TEST_P(RddLookup, ThePartitionerIsKnownAfterShufflesAndKeptByOperationsOnValues) {
  const auto data = sc.range(0, 100, 1, 3).map([](std::int64_t n) { return std::pair{n % 7, n}; });
  EXPECT_FALSE(data.partitioner().has_value());
  const auto sums = data.reduce_by_key(std::plus<>{}, 5);
  ASSERT_TRUE(sums.partitioner().has_value());
  EXPECT_EQ(sums.partitioner()->partitions(), 5);
  EXPECT_EQ(sums.partitioner(), hash_partitioner{5});
  EXPECT_NE(sums.partitioner(), hash_partitioner{4});
  EXPECT_EQ(sums.map_values([](std::int64_t n) { return -n; }).partitioner(), sums.partitioner());
  EXPECT_EQ(sums.sample({.fraction = 0.5}).partitioner(), sums.partitioner());
  EXPECT_FALSE(sums.map([](const auto& p) { return p; }).partitioner().has_value());
  EXPECT_EQ(data.partition_by(*sums.partitioner()).partitioner(), sums.partitioner());
  EXPECT_TRUE(data.sort_by_key().partitioner().has_value());
  for (const auto& sum : sums.collect()) {
    const auto& key = sum.first;
    const auto part = by_partition(sums)[static_cast<std::size_t>((*sums.partitioner())(key))];
    EXPECT_TRUE(
        std::any_of(part.begin(), part.end(), [&](const auto& p) { return p.first == key; }));
  }
}

struct thirds {
  int n = 3;
  int partitions() const { return n; }
  int operator()(std::int64_t key) const { return static_cast<int>(key % 5); }
  bool operator==(const thirds&) const = default;
};

TEST_P(RddLookup, APartitionThatDoesNotExistIsNamed) {
  // One partition: of several the first to fail is named.
  const auto data = sc.range(0, 10, 1, 1).map([](std::int64_t n) { return std::pair{n, n}; });
  EXPECT_EQ(data.partition_by(thirds{5}).partitions(), 5);
  const auto check = [&](auto dataset) {
    const std::string why = error_of<usage_error>([&] { dataset.count(); });
    EXPECT_NE(why.find("for the key 3: 3 of 3"), std::string::npos) << why;
  };
  check(data.partition_by(thirds{}));
  check(data.reduce_by_key(std::plus<>{}, thirds{}));
  check(data.group_by_key(thirds{}));
  EXPECT_NE(error_of<usage_error>([&] { data.partition_by(thirds{0}); }), "");
}

// ---- ranges of keys

TEST_P(RddLookup, SortsWithinPartitions) {
  const auto data =
      sc.range(0, 1000, 1, 3).map([](std::int64_t n) { return std::pair{(n * 7919) % 1000, n}; });
  const auto sorted = data.repartition_and_sort_within_partitions(4);
  EXPECT_EQ(sorted.partitioner(), hash_partitioner{4});
  EXPECT_EQ(sorted.count(), 1000);
  for (const auto& part : by_partition(sorted))
    EXPECT_TRUE(std::is_sorted(part.begin(), part.end()));
  EXPECT_EQ(stages_of(sc, [&] { data.repartition_and_sort_within_partitions(thirds{5}).count(); }),
            2);
  EXPECT_EQ((sc.empty<std::pair<int, int>>().repartition_and_sort_within_partitions(2).count()), 0);
  EXPECT_NE(error_of<usage_error>([&] { data.repartition_and_sort_within_partitions(0); }), "");
}

TEST_P(RddLookup, FilterByRangeReadsOnlyThePartitionsItNeeds) {
  const auto data =
      sc.range(0, 1000, 1, 4).map([](std::int64_t n) { return std::pair{(n * 7919) % 1000, n}; });
  const auto check = [](const auto& some, std::int64_t low, std::int64_t high) {
    auto keys = some.keys().collect().to_vector();
    std::sort(keys.begin(), keys.end());
    ints expected;
    for (auto k = std::max<std::int64_t>(low, 0); k <= std::min<std::int64_t>(high, 999); ++k)
      expected.push_back(k);
    EXPECT_EQ(keys, expected);
  };
  const auto up = data.sort_by_key({.partitions = 5});
  const auto down = data.sort_by_key({.ascending = false, .partitions = 5});
  for (const auto& [low, high] : pairs<std::int64_t, std::int64_t>{
           {250, 260}, {0, 999}, {-5, 3}, {998, 2000}, {500, 500}, {7, 6}, {-9, -3}}) {
    check(data.filter_by_range(low, high), low, high);
    check(up.filter_by_range(low, high), low, high);
    check(down.filter_by_range(low, high), low, high);
  }
  EXPECT_EQ(data.filter_by_range(1, 2).partitions(), 4);
  EXPECT_EQ(up.filter_by_range(1, 2).partitions(), 1);
  EXPECT_FALSE(up.filter_by_range(1, 2).partitioner().has_value());
  EXPECT_EQ(up.filter_by_range(-1, 2000).partitioner(), up.partitioner());
}

// ---- what it says about itself

TEST_P(RddLookup, DebugStringDrawsTheTree) {
  const auto data = sc.range(0, 10, 1, 2);
  const auto odd =
      data.filter([](std::int64_t n) { return n % 2 == 1; }).name("odd numbers").cache();
  EXPECT_EQ(data.debug_string(), "(2) range[0] []");
  EXPECT_EQ(odd.debug_string(),
            "(2) odd numbers filter[1] [memory]\n"
            " |  range[0] []");
  const auto pair = [](std::int64_t n) { return std::pair{n, n}; };
  const auto left = odd.map(pair);                     // 2
  const auto right = sc.range(0, 5, 1, 12).map(pair);  // 3, 4
  const auto text = left.join(right, 3).debug_string();
  EXPECT_EQ(text,
            "(3) join[7] []\n"
            " +-(2) map[2] []\n"
            " |  |  odd numbers filter[1] [memory]\n"
            " |  |  range[0] []\n"
            " +-(12) map[4] []\n"
            "    |   range[3] []");
}

// ---- handles

TEST_P(RddLookup, KeepingReturnsADatasetThatOutlivesTheExpression) {
  const auto& kept = sc.range(10).map([](std::int64_t n) { return n + 1; }).cache().name("kept");
  EXPECT_EQ(kept.count(), 10);
  EXPECT_EQ(kept.storage_level(), storage_level::memory);
  EXPECT_EQ(kept.name(), "kept");
  EXPECT_EQ(kept.unpersist().storage_level(), storage_level::none);
}

}  // namespace
}  // namespace millrace
