// Broadcast values and accumulators.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "engine/executor_double.test.hpp"
#include "millrace/millrace.hpp"
#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;

TEST(BroadcastThreads, OneValueForAllTasks) {
  const context sc{{.master = "local[4]"}};
  const auto names = sc.broadcast(std::map<int, std::string>{{1, "one"}, {2, "two"}});
  const auto found = sc.parallelize(std::vector<int>{2, 1, 2}, 3)
                         .map([names](int n) { return names.value().at(n); })
                         .collect();
  EXPECT_EQ(found, (std::vector<std::string>{"two", "one", "two"}));
  const std::vector<int> numbers{1, 2};
  EXPECT_EQ(sc.broadcast(numbers).value(), numbers);  // an lvalue is copied
  EXPECT_EQ(sc.broadcast(7).value(), 7);
  const auto copy = names;
  EXPECT_EQ(&copy.value(), &names.value());
}

TEST(Broadcast, IsNotReadAfterDestroy) {
  const context sc{{.master = "local"}};
  const auto value = sc.broadcast(std::string("text"));
  value.unpersist();
  EXPECT_EQ(value.value(), "text");
  value.destroy();
  EXPECT_NE(error_of<usage_error>([&] { (void)value.value(); }).find("destroyed"),
            std::string::npos);
  EXPECT_THROW(sc.range(2).map([value](std::int64_t) { return value.value().size(); }).collect(),
               usage_error);
}

class AccumulatorThreads : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Masters, AccumulatorThreads, testing::ValuesIn(masters), name_of_master);

TEST_P(AccumulatorThreads, CountsWhatActionsAdd) {
  const context sc{{.master = GetParam()}};
  const auto rows = sc.accumulator<std::int64_t>("rows");
  const auto sum = sc.accumulator<double>("sum", 0.5);
  EXPECT_EQ(rows.name(), "rows");
  sc.range(0, 1000, 1, 7).for_each([rows, sum](std::int64_t i) {
    rows += 1;
    sum += static_cast<double>(i);
  });
  EXPECT_EQ(rows.value(), 1000);
  EXPECT_EQ(sum.value(), 499500.5);
  rows.reset();
  EXPECT_EQ(rows.value(), 0);
  rows += 5;  // at the driver
  EXPECT_EQ(rows.value(), 5);
}

TEST_P(AccumulatorThreads, TransformationsCountAsOftenAsTheyAreComputed) {
  const context sc{{.master = GetParam()}};
  const auto seen = sc.accumulator<int>("seen");
  const auto data = sc.range(0, 100, 1, 4).map([seen](std::int64_t i) {
    seen += 1;
    return std::pair(i % 3, i);
  });
  EXPECT_EQ(seen.value(), 0);  // lazy
  data.count();
  data.count();
  EXPECT_EQ(seen.value(), 200);
  const auto sums = data.reduce_by_key(std::plus<>{});
  sums.count();
  sums.count();  // the shuffle is there already
  EXPECT_EQ(seen.value(), 300);
  data.cache();
  data.count();
  data.count();
  EXPECT_EQ(seen.value(), 400);
}

TEST(AccumulatorThreadsOfAttempts, OnlyTheAttemptThatSucceededCounts) {
  const context sc{{.master = "local[2,3]"}};
  const auto seen = sc.accumulator<int>("seen");
  std::atomic<int> failures{0};
  sc.range(0, 40, 1, 4).for_each([seen, &failures](std::int64_t i) {
    seen += 1;
    if (i % 10 == 7 && failures++ < 2) throw std::runtime_error("again");
  });
  EXPECT_EQ(failures, 6);
  EXPECT_EQ(seen.value(), 40);
  const auto none = sc.accumulator<int>("none");
  EXPECT_THROW(sc.range(0, 10, 1, 1).for_each([none](std::int64_t i) {
    none += 1;
    if (i == 9) throw std::runtime_error("always");
  }),
               job_error);
  EXPECT_EQ(none.value(), 0);
}

TEST(AccumulatorThreadsOfAttempts, WhatALostExecutorStillSaysDoesNot) {
  using verdict = detail::executor_double::verdict;
  detail::engine::options o;
  o.name = "zombies";
  o.threads = 3;
  o.max_failures = 4;
  o.executors = std::make_shared<detail::executor_double>(
      detail::executor_double::options{.judge = [](const detail::task_order&, int begun) {
        return begun == 0 || begun == 4 ? verdict::lose_and_keep : verdict::run;
      }});
  const context sc(std::make_shared<detail::engine>(std::move(o)));
  const auto seen = sc.accumulator<int>("seen");
  sc.range(0, 100, 1, 8).for_each([seen](std::int64_t) { seen += 1; });
  EXPECT_EQ(seen.value(), 100);
}

struct ordered {
  std::string text;
  ordered& operator+=(const std::string& more) {
    text += more;
    return *this;
  }
  ordered& operator+=(const ordered& more) { return *this += more.text; }
};

TEST(AccumulatorThreadsOfAttempts, AreMergedInTheOrderOfPartitions) {
  const context sc{{.master = "local[4]"}};
  const auto all = sc.accumulator<ordered>("all");
  sc.range(0, 20, 1, 10).for_each([all](std::int64_t i) { all += std::to_string(i) + " "; });
  EXPECT_EQ(all.value().text, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 ");
}

TEST(Accumulator, IsNotReadInATask) {
  const context sc{{.master = "local[2]"}};
  const auto seen = sc.accumulator<int>("seen");
  const auto text = error_of<usage_error>(
      [&] { sc.range(3).for_each([seen](std::int64_t) { (void)seen.value(); }); });
  EXPECT_NE(text.find("\"seen\""), std::string::npos) << text;
  EXPECT_EQ(seen.value(), 0);
}

}  // namespace
}  // namespace millrace
