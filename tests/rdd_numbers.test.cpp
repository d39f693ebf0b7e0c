// Numeric summaries and approximate actions.
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;
using namespace std::chrono_literals;
using doubles = std::vector<double>;
using counts = std::vector<std::int64_t>;

class RddNumbers : public testing::TestWithParam<const char*> {
 protected:
  context sc{{.name = "numbers", .master = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Masters, RddNumbers, testing::ValuesIn(masters), name_of_master);

TEST_P(RddNumbers, SumsAndMoments) {
  const auto data = sc.parallelize({2, 4, 4, 4, 5, 5, 7, 9}, 3);
  EXPECT_EQ(data.sum(), 40);
  EXPECT_EQ(data.mean(), 5);
  EXPECT_DOUBLE_EQ(data.variance(), 4);
  EXPECT_DOUBLE_EQ(data.stdev(), 2);
  EXPECT_DOUBLE_EQ(data.sample_variance(), 32.0 / 7);
  EXPECT_DOUBLE_EQ(data.sample_stdev(), std::sqrt(32.0 / 7));
  const statistics s = data.stats();
  EXPECT_EQ(s.count, 8);
  EXPECT_EQ(s.sum, 40);
  EXPECT_EQ(s.mean, 5);
  EXPECT_EQ(s.min, 2);
  EXPECT_EQ(s.max, 9);
  EXPECT_DOUBLE_EQ(s.stdev, 2);
  EXPECT_DOUBLE_EQ(s.sample_stdev, std::sqrt(32.0 / 7));
}

template <class T>
void check_type(const context& sc) {
  const auto data = sc.parallelize(std::vector<T>{T(1), T(0), T(1)}, 2);
  EXPECT_EQ(data.sum(), 2) << typeid(T).name();
  EXPECT_EQ(data.stats().max, 1);
}
TEST_P(RddNumbers, AllArithmeticTypes) {
  check_type<bool>(sc);
  check_type<char>(sc);
  check_type<signed char>(sc);
  check_type<unsigned char>(sc);
  check_type<short>(sc);
  check_type<unsigned short>(sc);
  check_type<int>(sc);
  check_type<unsigned>(sc);
  check_type<long long>(sc);
  check_type<unsigned long long>(sc);
  check_type<float>(sc);
  check_type<double>(sc);
  check_type<long double>(sc);
  EXPECT_EQ(sc.parallelize({-1, -2}, 1).sum(), -3);
  EXPECT_EQ(sc.parallelize({std::numeric_limits<std::uint64_t>::max()}, 1).stats().max, 0x1p64);
}

TEST_P(RddNumbers, NoRowsAndOneRow) {
  for (const auto& none : {sc.empty<double>(), sc.parallelize(doubles{}, 3)}) {
    EXPECT_EQ(none.sum(), 0);
    EXPECT_EQ(none.mean(), 0);
    EXPECT_TRUE(std::isnan(none.variance()));
    EXPECT_TRUE(std::isnan(none.sample_stdev()));
    EXPECT_EQ(none.stats().count, 0);
    EXPECT_EQ(none.stats().min, std::numeric_limits<double>::infinity());
    EXPECT_EQ(none.stats().max, -std::numeric_limits<double>::infinity());
  }
  const auto one = sc.parallelize({3.5}, 3);
  EXPECT_EQ(one.variance(), 0);
  EXPECT_TRUE(std::isnan(one.sample_variance()));
  EXPECT_EQ(one.mean(), 3.5);
}

TEST_P(RddNumbers, SmallSpreadFarFromZeroIsNotLost) {
  doubles all;
  for (int i = 0; i < 30'000; ++i) all.push_back(1e9 + i % 3);
  const auto s = sc.parallelize(all, 7).stats();
  EXPECT_NEAR(s.variance, 2.0 / 3, 1e-6);
  EXPECT_NEAR(s.mean, 1e9 + 1, 1e-6);
}

TEST_P(RddNumbers, NaNIsNotHidden) {
  const double nan = std::nan("");
  for (const auto& rows : {doubles{1, nan, 2}, {nan, 1, 2}, {1, 2, nan}}) {
    const auto s = sc.parallelize(rows, 2).stats();
    EXPECT_TRUE(std::isnan(s.min));
    EXPECT_TRUE(std::isnan(s.max));
    EXPECT_TRUE(std::isnan(s.mean));
  }
}

TEST_P(RddNumbers, TheSameBitsHoweverRowsComeInChunks) {
  std::mt19937 random(5);
  doubles all;
  for (int i = 0; i < 20'000; ++i) all.push_back(1.0 / static_cast<double>(1 + random() % 1000));
  const auto data = sc.parallelize(all, 3);
  const auto pieces =
      data.flat_map([](double x) { return doubles{x}; }).filter([](double x) { return x > 0; });
  auto kept = pieces.cache();
  kept.count();
  EXPECT_EQ(data.sum(), pieces.sum());
  EXPECT_EQ(data.variance(), kept.variance());
}

TEST_P(RddNumbers, HistogramWithBucketsOfEqualWidth) {
  const auto data = sc.range(0, 51, 1, 4);
  EXPECT_EQ(data.histogram(2), (std::pair{doubles{0, 25, 50}, counts{25, 26}}));
  EXPECT_EQ(data.histogram(5),
            (std::pair{doubles{0, 10, 20, 30, 40, 50}, counts{10, 10, 10, 10, 11}}));
  EXPECT_EQ(sc.parallelize({3.0, 3.0, 3.0}, 2).histogram(4), (std::pair{doubles{3, 3}, counts{3}}));
  const double huge = std::numeric_limits<double>::max();
  EXPECT_EQ(sc.parallelize({-huge, 0.0, huge}, 2).histogram(2).second, (counts{1, 2}));
  for (const auto& rows : {doubles{}, {1, std::nan("")}, {1, HUGE_VAL}})
    EXPECT_NE(
        error_of<usage_error>([&] { sc.parallelize(rows, 2).histogram(3); }).find("histogram"),
        std::string::npos);
  EXPECT_NE(error_of<usage_error>([&] { data.histogram(0); }).find("must be positive: 0"),
            std::string::npos);
}

TEST_P(RddNumbers, HistogramBetweenEdges) {
  const auto data = sc.parallelize({0.0, 1.0, 1.5, 2.0, 9.9, 10.0, 10.1, -1.0, std::nan("")}, 3);
  EXPECT_EQ(data.histogram({0.0, 1.0, 2.0, 10.0}), (counts{1, 2, 3}));
  EXPECT_EQ(sc.empty<int>().histogram({0.0, 1.0}), (counts{0}));
  for (const auto& edges : {doubles{}, {1}, {2, 1}, {1, 1}, {0, std::nan("")}})
    EXPECT_NE(error_of<usage_error>([&] { data.histogram(edges); }).find("histogram"),
              std::string::npos);
}

TEST_P(RddNumbers, CountApproxIsExactInTime) {
  const auto n = sc.range(0, 10'000, 1, 4).count_approx(1h);
  EXPECT_TRUE(n.is_final);
  EXPECT_EQ(n.mean, 10'000);
  EXPECT_EQ(n.low, 10'000);
  EXPECT_EQ(n.high, 10'000);
  EXPECT_EQ(n.confidence, 1);
  EXPECT_TRUE(sc.empty<int>().count_approx(0ms).is_final);
  EXPECT_EQ(sc.range(0, 10, 1, 2).count_approx(std::chrono::milliseconds::max()).mean, 10);
}

TEST_P(RddNumbers, CountApproxEndsInTime) {
  const auto none = sc.range(0, 10'000, 1, 4).count_approx(0ms);
  EXPECT_FALSE(none.is_final);
  EXPECT_EQ(none.low, 0);
  EXPECT_EQ(none.high, std::numeric_limits<double>::infinity());
  // The last partition never ends by itself.
  const auto endless = sc.range(0, 40, 1, 4)
                           .map_partitions_with_index([](int i, partition_rows<std::int64_t>& rows,
                                                         emit<std::int64_t>& out) {
                             for (const auto n : rows) out(n);
                             while (i == 3 && !out.enough()) out(0);
                           });
  const auto some = endless.count_approx(100ms, 0.9);
  EXPECT_FALSE(some.is_final);
  EXPECT_EQ(some.confidence, 0.9);
  EXPECT_EQ(some.mean, 40);  // 30 in three of four
  EXPECT_LT(some.low, 40);
  EXPECT_GE(some.low, 30);
  EXPECT_GT(some.high, 40);
}

TEST_P(RddNumbers, CountApproxRefusesMisuseAndPassesErrorsOn) {
  const auto data = sc.range(10);
  EXPECT_NE(error_of<usage_error>([&] { data.count_approx(-1ms); }).find("count_approx"),
            std::string::npos);
  for (const double c : {-0.1, 1.1, std::nan("")})
    EXPECT_NE(error_of<usage_error>([&] { data.count_approx(1ms, c); }).find("confidence"),
              std::string::npos);
  const auto bad = data.map(
      [](std::int64_t n) -> std::int64_t { throw std::runtime_error("row " + std::to_string(n)); });
  EXPECT_NE(error_of<job_error>([&] { bad.count_approx(1h); }).find("row"), std::string::npos);
}

TEST_P(RddNumbers, CountApproxDistinctIsNear) {
  for (const std::int64_t n : {0, 1, 2, 100, 5000, 200'000}) {
    const auto data = sc.range(0, 2 * n, 1, 5).map([n](std::int64_t i) {
      return i % std::max<std::int64_t>(n, 1);
    });
    for (const double sd : {0.1, 0.05, 0.005}) {
      const auto found = static_cast<double>(data.count_approx_distinct(sd));
      EXPECT_NEAR(found, static_cast<double>(n), 3 * sd * static_cast<double>(n) + 0.5) << sd;
    }
  }
  const auto words = long_words(3000);
  EXPECT_NEAR(static_cast<double>(sc.parallelize(words, 3).count_approx_distinct(0.01)), 3000, 90);
  const auto hashed_as_itself =
      sc.range(0, 10'000, 1, 2).map([](std::int64_t i) { return tracked(static_cast<int>(i)); });
  EXPECT_NEAR(static_cast<double>(hashed_as_itself.count_approx_distinct()), 10'000, 1500);
  for (const double sd : {0.0, -1.0, 0.0001, std::nan("")})
    EXPECT_NE(error_of<usage_error>([&] {
                sc.range(3).count_approx_distinct(sd);
              }).find("count_approx_distinct"),
              std::string::npos);
}

TEST_P(RddNumbers, GroupsTakeANumberOfPartitionsOrAPartitioner) {
  using pair = std::pair<int, std::string>;
  const auto a = sc.parallelize<pair>({{1, "a"}, {2, "b"}}, 2);
  const auto b = sc.parallelize<std::pair<int, double>>({{1, 0.5}}, 1);
  EXPECT_EQ(a.cogroup(b, a).partitions(), 2);
  EXPECT_EQ(a.cogroup(b, 5).partitions(), 5);
  const auto three = a.cogroup(b, a, hash_partitioner{3});
  EXPECT_EQ(three.partitions(), 3);
  const auto one = three.filter([](const auto& g) { return g.first == 1; }).first();
  EXPECT_EQ(std::get<0>(one.second).front(), "a");
  EXPECT_EQ(std::get<1>(one.second).front(), 0.5);
  EXPECT_EQ(std::get<2>(one.second).front(), "a");
  EXPECT_EQ(sc.range(9).intersection(sc.range(3), 4).partitions(), 4);
  EXPECT_EQ(sc.range(9).subtract(sc.range(3), 4).partitions(), 4);
  EXPECT_EQ(sc.range(9).group_by([](std::int64_t n) { return n % 2; }, 4).partitions(), 4);
}

}  // namespace
}  // namespace millrace
