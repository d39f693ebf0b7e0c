// Functions as users write them: generic, noexcept, with captures that only move, with zeros that
// view text; and orders and numbers of partitions that are given.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/testing.hpp"

namespace mr = millrace;
using namespace std::chrono_literals;

namespace {

struct trip {
  std::string city;
  double km = 0;
};

class RddFunctions : public testing::Test {
 protected:
  mr::context sc{{.name = "functions", .master = "local[2]"}};
  mr::rdd<std::int64_t> numbers = sc.range(4);
};

TEST_F(RddFunctions, that_emit_may_be_generic_or_noexcept) {
  using numbers_out = mr::emit<std::int64_t>;
  EXPECT_EQ(numbers.flat_map([](std::int64_t i, numbers_out& out) noexcept { out(i); }).count(), 4);
  EXPECT_EQ(numbers.flat_map([](const auto& i, numbers_out& out) { out(i), out(i); }).count(), 8);
  EXPECT_EQ(numbers
                .map_partitions([](auto& rows, numbers_out& out) {
                  for (const auto& row : rows) out(row);
                })
                .sum(),
            6);
  EXPECT_EQ(numbers
                .map_partitions_with_index([](int index, auto& rows, numbers_out& out) {
                  for (const auto& row : rows) out(row + index);
                })
                .sum(),
            8);
  const std::function<void(const std::int64_t&, mr::emit<int>&)> stored =
      [](const std::int64_t& i, mr::emit<int>& out) { out(static_cast<int>(i)); };
  EXPECT_EQ(numbers.flat_map(stored).sum(), 6);
}

TEST_F(RddFunctions, may_hold_what_only_moves) {
  const auto two = [] { return std::make_unique<int>(2); };
  EXPECT_EQ(numbers.map([n = two()](std::int64_t i) { return i * *n; }).sum(), 12);
  EXPECT_EQ(numbers.reduce([n = two()](auto a, auto b) { return a + b + 0 * *n; }), 6);
  EXPECT_EQ(numbers.sort_by([n = two()](std::int64_t i) { return -i * *n; }).first(), 3);
}

TEST_F(RddFunctions, zeros_that_view_text_may_go_before_the_job_runs) {
  const auto pairs = sc.parallelize<std::pair<int, std::string_view>>({{1, "ab"}, {1, "c"}}, 1);
  const auto folded = [&] {
    const std::string zero = "a long zero that lies on the heap, so that its end is seen";
    return pairs.fold_by_key(std::string_view(zero), [](auto a, auto b) { return std::max(a, b); });
  }();
  EXPECT_EQ((*folded.first()).second, "c");
  const auto aggregated = [&] {
    const std::string zero = "z: a long zero that lies on the heap, so that its end is seen";
    return pairs.aggregate_by_key(
        std::string_view(zero), [](auto a, auto b) { return std::max(a, b); },
        [](auto a, auto b) { return std::max(a, b); });
  }();
  EXPECT_EQ((*aggregated.first()).second.substr(0, 2), "z:");
}

TEST_F(RddFunctions, orders_are_given_or_found_field_by_field) {
  const auto trips = sc.parallelize<trip>({{"b", 1}, {"a", 9}, {"a", 2}});
  EXPECT_EQ(trips.max().city, "b");
  EXPECT_EQ(trips.min().km, 2);
  const auto shorter = [](const trip& a, const trip& b) { return a.km < b.km; };
  EXPECT_EQ(trips.max(shorter).km, 9);
  EXPECT_EQ(trips.min(shorter).city, "b");
  EXPECT_EQ(*sc.parallelize<std::string_view>({"a", "c", "b"}).max(), "c");
}

TEST_F(RddFunctions, unions_of_any_number) {
  EXPECT_EQ(sc.union_of(std::vector{numbers, numbers, numbers}).count(), 12);
  EXPECT_EQ(sc.union_of(std::vector<mr::rdd<int>>{}).count(), 0);
  mr::testing::stream_fixture s{{.batch = 1s}};
  const auto a = s.input<int>();
  const auto b = s.input<int>();
  auto seen = s.collect(s.streaming().union_of(std::vector{a, b}));
  s.feed(a, {{1}});
  s.feed(b, {{2}});
  s.run();
  EXPECT_EQ(seen.sorted(), (std::vector<std::vector<int>>{{1, 2}}));
  EXPECT_THROW(s.streaming().union_of(std::vector<mr::dstream<int>>{}), mr::usage_error);
}

TEST_F(RddFunctions, numbers_of_partitions_are_positive) {
  EXPECT_THROW(sc.parallelize({1, 2}, 0), mr::usage_error);
  EXPECT_THROW(sc.range(0, 4, 1, 0), mr::usage_error);
  EXPECT_THROW(numbers.distinct(0), mr::usage_error);
  mr::testing::stream_fixture s{{.batch = 1s}};
  const auto pairs = s.input<std::pair<std::string, int>>();
  EXPECT_THROW(pairs.group_by_key(0), mr::usage_error);
  EXPECT_THROW(pairs.join(pairs, 0), mr::usage_error);
  EXPECT_THROW(pairs.partition_by(mr::hash_partitioner{0}), mr::usage_error);
}

}  // namespace
