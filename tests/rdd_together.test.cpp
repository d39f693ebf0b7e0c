// Operations that put partitions side by side: cartesian, zip, numbering, coalesce, union.
#include <limits>
#include <numeric>

#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;

class RddTogether : public testing::TestWithParam<const char*> {
 protected:
  context sc{{.name = "together", .master = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Masters, RddTogether, testing::ValuesIn(masters), name_of_master);

TEST_P(RddTogether, CartesianIsLeftMajorWithinPairsOfPartitions) {
  const auto left = sc.range(0, 3, 1, 2);                              // 0 | 1 2
  const auto right = sc.parallelize<std::string>({"a", "b", "c"}, 2);  // a | b c
  const auto both = left.cartesian(right);
  EXPECT_EQ(both.partitions(), 4);
  EXPECT_EQ(both.collect(), (pairs<std::int64_t, std::string>{{0, "a"},
                                                              {0, "b"},
                                                              {0, "c"},
                                                              {1, "a"},
                                                              {2, "a"},
                                                              {1, "b"},
                                                              {1, "c"},
                                                              {2, "b"},
                                                              {2, "c"}}));
  EXPECT_EQ(both.take(2).size(), 2U);
  EXPECT_EQ(sc.range(0, 3000, 1, 2).cartesian(sc.range(0, 1500, 1, 3)).count(), 4'500'000);
  EXPECT_EQ(left.cartesian(sc.empty<int>()).partitions(), 0);
  EXPECT_EQ(left.cartesian(sc.parallelize(ints{}, 2)).count(), 0);
}

TEST_P(RddTogether, CartesianOfViewsOwnsItsText) {
  rows<std::pair<std::string_view, std::string_view>> all;
  {
    const auto words = long_words(3000);
    const auto data = sc.parallelize(std::vector<std::string_view>(words.begin(), words.end()), 2);
    all =
        data.cartesian(data.filter([](std::string_view w) { return w.ends_with(" 7"); })).collect();
  }
  ASSERT_EQ(all.size(), 3000U);
  EXPECT_EQ(all[2999].first, "a word that is long enough for the heap 2999");
  EXPECT_EQ(all[2999].second, "a word that is long enough for the heap 7");
}

TEST_P(RddTogether, CartesianRefusesMorePartitionsThanThereAreNumbers) {
  const auto many = sc.range(0, 1, 1, 50'000);
  EXPECT_NE(error_of<usage_error>([&] { many.cartesian(many); }).find("50000 times 50000"),
            std::string::npos);
}

TEST_P(RddTogether, ZipPairsRowsByPlace) {
  const auto left = sc.range(0, 5000, 1, 3);
  // The sides come in chunks of different sizes.
  const auto odd = sc.range(0, 10, 1, 1).zip(sc.range(0, 5, 1, 1).flat_map([](std::int64_t n) {
    return ints{n, -n};
  }));
  EXPECT_EQ(odd.take(3), (pairs<std::int64_t, std::int64_t>{{0, 0}, {1, 0}, {2, 1}}));
  const auto texts = left.map([](std::int64_t n) { return "number " + std::to_string(n); });
  const auto both = left.zip(texts);
  EXPECT_EQ(both.partitions(), 3);
  std::int64_t next = 0;
  for (const auto& [n, text] : both.collect()) {
    ASSERT_EQ(n, next++);
    ASSERT_EQ(text, "number " + std::to_string(n));
  }
  EXPECT_EQ(next, 5000);
  EXPECT_EQ(sc.empty<int>().zip(sc.empty<int>()).count(), 0);
  EXPECT_EQ(sc.parallelize(ints{}, 2).zip(sc.parallelize(strings{}, 2)).count(), 0);
}

TEST_P(RddTogether, ZipRefusesUnequalSides) {
  const std::string partitions =
      error_of<usage_error>([&] { sc.range(0, 6, 1, 2).zip(sc.range(0, 6, 1, 3)); });
  EXPECT_NE(partitions.find("zip"), std::string::npos);
  EXPECT_NE(partitions.find("2 3"), std::string::npos);
  for (const auto& [a, b] : {std::pair{6, 7}, {7, 6}, {0, 1}, {4096, 4097}}) {
    const auto uneven = sc.range(0, a, 1, 1).zip(sc.range(0, b, 1, 1));
    const std::string why = error_of<usage_error>([&] { uneven.count(); });
    EXPECT_NE(why.find("more than " + std::to_string(std::min(a, b)) + " in partition 0"),
              std::string::npos)
        << why;
  }
}

TEST_P(RddTogether, ZipPartitionsTakesAnyNumberOfSides) {
  const auto a = sc.range(0, 4, 1, 2);
  const auto b = sc.parallelize<std::string>({"x", "y", "z"}, 2);
  const auto c = sc.parallelize({1.5, 2.5}, 2);
  const auto counts = a.zip_partitions(
      [](partition_rows<std::int64_t>& x, partition_rows<std::string>& y,
         partition_rows<double>& z) {
        std::string text;
        for (const auto n : x) text += std::to_string(n);
        for (const auto& s : y) text += s;
        for (const auto d : z) text += std::to_string(d).substr(0, 3);
        return strings{text};
      },
      b, c);
  EXPECT_EQ(counts.collect(), (strings{"01x1.5", "23yz2.5"}));
  const auto emitted = a.zip_partitions(
      [](partition_rows<std::int64_t>& x, partition_rows<std::string>& y, partition_rows<double>& z,
         emit<std::int64_t>& out) {
        for (const auto n : x) out(n * 10);
        out(static_cast<std::int64_t>(y.to_rows().size() + z.to_rows().size()));
      },
      b, c);
  EXPECT_EQ(emitted.collect(), (ints{0, 10, 2, 20, 30, 3}));
  EXPECT_NE(error_of<usage_error>([&] {
              a.zip_partitions([](auto&, auto&) { return ints{}; }, sc.range(0, 9, 1, 3));
            }).find("zip_partitions"),
            std::string::npos);
}

TEST_P(RddTogether, RowsAreNumberedOverAllPartitions) {
  const auto data =
      sc.parallelize<std::string>({"a", "b", "c", "d", "e"}, 3).filter([](const std::string& s) {
        return s != "a";
      });
  EXPECT_EQ(data.zip_with_index().collect(),
            (pairs<std::string, std::int64_t>{{"b", 0}, {"c", 1}, {"d", 2}, {"e", 3}}));
  // b c | d e in partitions 1 and 2 of 3 (a was alone in the first)
  const auto ids = data.zip_with_unique_id();
  EXPECT_EQ(ids.collect(),
            (pairs<std::string, std::int64_t>{{"b", 1}, {"c", 4}, {"d", 2}, {"e", 5}}));
  EXPECT_EQ(sc.empty<int>().zip_with_index().count(), 0);
  EXPECT_EQ(sc.empty<int>().zip_with_unique_id().count(), 0);
  const auto large = sc.range(0, 10'000, 1, 7).zip_with_index();
  EXPECT_EQ(large.filter([](const auto& p) { return p.first != p.second; }).count(), 0);
  EXPECT_EQ(large.count(), 10'000);
}

TEST_P(RddTogether, IndexNeedsAJobOnlyWhereThereAreSeveralPartitions) {
  event_recorder seen(sc);
  sc.range(0, 9, 1, 3).zip_with_unique_id();
  sc.range(0, 9, 1, 1).zip_with_index();
  EXPECT_EQ(seen.count(detail::event::kind::job_started), 0);
  sc.range(0, 9, 1, 3).zip_with_index();
  EXPECT_EQ(seen.count(detail::event::kind::job_started), 1);
}

TEST_P(RddTogether, CoalesceJoinsNeighbours) {
  const auto data = sc.range(0, 10, 1, 5);
  for (int n = 1; n <= 6; ++n) {
    const auto fewer = data.coalesce(n);
    EXPECT_EQ(fewer.partitions(), std::min(n, 5));
    EXPECT_EQ(fewer.collect(), (ints{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  }
  EXPECT_EQ(by_partition(data.coalesce(2)), (std::vector<ints>{{0, 1, 2, 3}, {4, 5, 6, 7, 8, 9}}));
  EXPECT_EQ(data.coalesce(1).take(3), (ints{0, 1, 2}));
  EXPECT_EQ(sc.empty<int>().coalesce(3).partitions(), 0);
  EXPECT_EQ(stages_of(sc, [&] { data.coalesce(2).count(); }), 1);
  EXPECT_NE(error_of<usage_error>([&] { data.coalesce(0); }).find("coalesce"), std::string::npos);
}

TEST_P(RddTogether, UnionLeavesOutDatasetsWithoutPartitions) {
  const auto pair = [](std::int64_t n) { return std::pair{n, n}; };
  const auto a = sc.range(0, 10, 1, 2).map(pair).partition_by(3);
  const auto b = sc.range(5, 15, 1, 4).map(pair).partition_by(3);
  const auto none = sc.empty<std::pair<std::int64_t, std::int64_t>>();
  const auto all = sc.union_of(none, a, none, b);
  EXPECT_EQ(all.partitions(), 3);
  EXPECT_EQ(stages_of(sc, [&] { all.reduce_by_key(std::plus<>{}).count(); }), 3);
  EXPECT_EQ((a + none).partitions(), 3);
  EXPECT_EQ((none + none).partitions(), 0);
  EXPECT_EQ(all.count(), 20);
}

}  // namespace
}  // namespace millrace
