// Samples and splits: by chance, and yet the same on any number of threads.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;

class RddChance : public testing::TestWithParam<const char*> {
 protected:
  context sc{{.name = "chance", .master = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Masters, RddChance, testing::ValuesIn(masters), name_of_master);

TEST_P(RddChance, SampleTakesEachRowWithItsChance) {
  const auto data = sc.range(0, 100'000, 1, 7);
  for (const double fraction : {0.0, 0.01, 0.5, 1.0}) {
    const auto chosen = data.sample({.fraction = fraction, .seed = 7}).collect();
    const double expected = 100'000 * fraction;
    // Five standard deviations; the seed is fixed, so this cannot fail now and then.
    EXPECT_NEAR(static_cast<double>(chosen.size()), expected, 5 * std::sqrt(expected) + 0.1);
    EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
    EXPECT_EQ(std::set<std::int64_t>(chosen.begin(), chosen.end()).size(), chosen.size());
    EXPECT_EQ(data.sample({.fraction = fraction, .seed = 7}).collect(), chosen);
  }
  EXPECT_NE(data.sample({.fraction = 0.5, .seed = 1}).collect(),
            data.sample({.fraction = 0.5, .seed = 2}).collect());
  EXPECT_EQ(sc.empty<int>().sample({.fraction = 0.5}).count(), 0);
}

TEST_P(RddChance, SampleWithReplacementRepeatsRows) {
  const auto data = sc.range(0, 20'000, 1, 3);
  for (const double mean : {0.0, 0.5, 3.0, 40.0}) {
    const auto chosen = data.sample({.replacement = true, .fraction = mean}).collect();
    EXPECT_NEAR(static_cast<double>(chosen.size()), 20'000 * mean,
                5 * std::sqrt(20'000 * mean) + 0.1);
    EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  }
  // Rows that view text are repeated with it.
  const auto words = long_words(500);
  const auto texts = sc.parallelize(std::vector<std::string_view>(words.begin(), words.end()), 2)
                         .sample({.replacement = true, .fraction = 2})
                         .collect();
  EXPECT_GT(texts.size(), 500U);
  for (const auto word : texts) ASSERT_TRUE(word.starts_with("a word that is long"));
}

TEST_P(RddChance, TheSameRowsOnAnyNumberOfThreads) {
  // Literals: the same on every machine, too.
  EXPECT_EQ(sc.range(0, 40, 1, 4).sample({.fraction = 0.2, .seed = 42}).collect(),
            (ints{2, 6, 16, 29, 30, 32, 35}));
  EXPECT_EQ(sc.range(0, 1000, 1, 4).take_sample(false, 5, 42), (ints{82, 479, 177, 194, 540}));
}

TEST_P(RddChance, MisuseOfSampleIsRefused) {
  const auto data = sc.range(10);
  for (const sample_options o : {sample_options{},
                                 {.fraction = -0.5},
                                 {.fraction = 1.5},
                                 {.fraction = std::nan("")},
                                 {.replacement = true, .fraction = -1},
                                 {.replacement = true, .fraction = HUGE_VAL}})
    EXPECT_NE(error_of<usage_error>([&] { data.sample(o); }).find("sample: the fraction"),
              std::string::npos)
        << o.fraction;
}

TEST_P(RddChance, SplitsAreDisjointAndComplete) {
  const auto data = sc.range(0, 10'000, 1, 5);
  for (const auto& weights : {std::vector<double>{1}, {1, 1}, {0.7, 0.2, 0.1}, {3, 0, 1}}) {
    const auto parts = data.random_split(weights, 11);
    ASSERT_EQ(parts.size(), weights.size());
    ints all;
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto rows = parts[i].collect();
      EXPECT_NEAR(static_cast<double>(rows.size()), 10'000 * weights[i] / total, 250);
      EXPECT_EQ(weights[i] == 0, rows.empty());
      all.insert(all.end(), rows.begin(), rows.end());
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(data.collect(), all);
  }
  EXPECT_EQ(data.random_split({0.5, 0.5}, 3)[1].collect(),
            data.random_split({0.5, 0.5}, 3)[1].collect());
  for (const auto& bad : {std::vector<double>{}, {0, 0}, {1, -1}, {std::nan("")}, {HUGE_VAL}})
    EXPECT_NE(error_of<usage_error>([&] { data.random_split(bad); }).find("random_split"),
              std::string::npos);
}

TEST_P(RddChance, SampleByKeyHasAFractionForEachKey) {
  const auto data = sc.range(0, 30'000, 1, 3).map([](std::int64_t n) {
    return std::pair{std::string(1, static_cast<char>('a' + n % 3)), n};
  });
  const auto chosen = data.sample_by_key(false, {{"a", 0.0}, {"b", 0.1}, {"c", 1.0}}, 5);
  const auto counts = chosen.count_by_key();
  EXPECT_FALSE(counts.contains("a"));
  EXPECT_NEAR(static_cast<double>(counts.at("b")), 1000, 160);
  EXPECT_EQ(counts.at("c"), 10'000);
  const std::map<std::string, double> twice{{"a", 2}, {"b", 0}, {"c", 0}};
  EXPECT_NEAR(static_cast<double>(data.sample_by_key(true, twice).count()), 20'000, 800);
  EXPECT_NE(error_of<usage_error>([&] {
              data.coalesce(1).sample_by_key(false, {{"a", 0.5}}).count();
            }).find("no fraction is given for the key b"),
            std::string::npos);
  EXPECT_NE(
      error_of<usage_error>([&] { data.sample_by_key(false, {{"a", 1.5}}); }).find("sample_by_key"),
      std::string::npos);
}

TEST_P(RddChance, TakeSampleIsExact) {
  const auto data = sc.range(0, 1000, 1, 7);
  for (const std::int64_t n : {0, 1, 10, 999, 1000, 5000}) {
    const auto chosen = data.take_sample(false, n, 3);
    EXPECT_EQ(static_cast<std::int64_t>(chosen.size()), std::min<std::int64_t>(n, 1000));
    EXPECT_EQ(std::set<std::int64_t>(chosen.begin(), chosen.end()).size(), chosen.size());
    EXPECT_EQ(data.take_sample(false, n, 3), chosen);
    const auto repeated = data.take_sample(true, n, 3);
    EXPECT_EQ(static_cast<std::int64_t>(repeated.size()), n);
  }
  const auto all = data.take_sample(false, 1000);
  EXPECT_FALSE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(sc.empty<int>().take_sample(true, 5).size(), 0U);
  EXPECT_EQ(sc.parallelize(ints{}, 3).take_sample(false, 5).size(), 0U);
  EXPECT_NE(error_of<usage_error>([&] { data.take_sample(false, -1); }).find("take_sample"),
            std::string::npos);
  // Every row has the same chance: none comes more or less often than chance explains.
  std::vector<int> seen(20);
  for (std::uint64_t seed = 0; seed < 2000; ++seed)
    for (const auto n : sc.range(0, 20, 1, 3).take_sample(false, 5, seed))
      ++seen[static_cast<std::size_t>(n)];
  for (const int times : seen) EXPECT_NEAR(times, 500, 100);
}

}  // namespace
}  // namespace millrace
