// Jobs in groups, cancelling, and actions that run while the program goes on.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "millrace/millrace.hpp"
#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;
using namespace std::chrono_literals;
using kind = detail::event::kind;

/// A function that says when it has begun, and holds until it may go on.
struct gate {
  std::atomic<int> begun{0};
  std::atomic<bool> open{false};
  void pass() {
    ++begun;
    while (!open) std::this_thread::yield();
  }
  void await(int n) const {
    while (begun < n) std::this_thread::yield();
  }
};

class JobGroupsThreads : public testing::TestWithParam<const char*> {
 protected:
  context sc{{.name = "groups", .master = GetParam()}};
  gate at;
};
INSTANTIATE_TEST_SUITE_P(Masters, JobGroupsThreads, testing::ValuesIn(masters), name_of_master);

TEST_P(JobGroupsThreads, ACancelledJobEndsWithTheRowItWorksOn) {
  std::string text;
  std::thread other([&] {
    sc.set_job_group("nightly", "the nightly report");
    text = error_of<error>([&] {
      sc.range(0, 1'000'000, 1, 1).map([this](std::int64_t i) { return at.pass(), i; }).count();
    });
  });
  at.await(1);
  sc.cancel_job_group("weekly");  // another one
  sc.cancel_job_group("nightly");
  at.open = true;
  other.join();
  EXPECT_EQ(text, "count: cancelled, its job group was cancelled: nightly");
  EXPECT_EQ(at.begun, 1);
  EXPECT_EQ(sc.range(3).count(), 3);  // the context goes on
}

TEST_P(JobGroupsThreads, WhereverTheFunctionIs) {
  const auto numbers = sc.range(0, 1'000'000, 1, 1);
  const std::vector<std::function<void()>> actions{
      [&] { numbers.for_each([this](std::int64_t) { at.pass(); }); },
      [&] { (void)numbers.reduce([this](std::int64_t a, std::int64_t) { return at.pass(), a; }); },
      [&] {
        numbers.for_each_partition([this](partition_rows<std::int64_t>& rows) {
          for (auto row : rows) at.pass(), (void)row;
        });
      },
      [&] {
        numbers.flat_map([](std::int64_t i) { return std::vector<std::int64_t>(1000, i); })
            .map([this](std::int64_t i) { return at.pass(), i; })
            .count();
      },
      [&] {
        numbers.map([this](std::int64_t i) { return at.pass(), std::pair(i % 5, i); })
            .reduce_by_key(std::plus<>{})
            .collect();
      }};
  for (std::size_t i = 0; i < actions.size(); ++i) {
    at.begun = 0;
    at.open = false;
    std::string text;
    std::thread other([&] { text = error_of<error>(actions[i]); });
    at.await(1);
    sc.cancel_all_jobs();
    at.open = true;
    other.join();
    EXPECT_NE(text.find("cancelled, all jobs were cancelled"), std::string::npos) << i << text;
    EXPECT_LE(at.begun, 33) << i;  // the first row of a reduce costs nothing, so it goes on with 32
  }
}

TEST_P(JobGroupsThreads, OnlyTheGroupOfTheThread) {
  std::string text;
  sc.set_job_group("mine");
  std::thread other([&] {
    text = error_of<error>([&] { sc.range(0, 1, 1, 1).for_each([this](auto) { at.pass(); }); });
  });
  at.await(1);
  sc.cancel_job_group("mine");
  at.open = true;
  other.join();
  EXPECT_EQ(text, "");  // it is not of the group: that was set on this thread
  sc.clear_job_group();
}

TEST_P(JobGroupsThreads, EventsShowGroupAndDescription) {
  event_recorder seen(sc);
  sc.set_job_group("nightly", "the nightly report");
  sc.range(3).count();
  sc.clear_job_group();
  sc.range(3).count();
  std::vector<std::string> all;
  for (const auto& e : seen.all())
    if (e.what == kind::job_started) all.push_back(e.group + "|" + e.description + "|" + e.text);
  EXPECT_EQ(all, (std::vector<std::string>{"nightly|the nightly report|count", "||count"}));
  const context second{{.master = "local"}};
  sc.set_job_group("first");
  event_recorder of_second(second);
  second.range(3).count();  // a group is of one context
  EXPECT_EQ(of_second.all().at(0).group, "");
}

TEST_P(JobGroupsThreads, AJobThatWaitsForAnothersShuffleCanBeCancelled) {
  const auto counts = sc.range(0, 2, 1, 1)
                          .map([this](std::int64_t i) { return at.pass(), std::pair(i, 1); })
                          .reduce_by_key(std::plus<>{});
  std::thread first([&] { EXPECT_EQ(counts.count(), 2); });
  at.await(1);
  std::string text;
  event_recorder seen(sc);
  std::thread second([&] {
    sc.set_job_group("second");
    text = error_of<error>([&] { counts.count(); });
  });
  EXPECT_TRUE(seen.wait_for(kind::job_started));
  sc.cancel_job_group("second");
  second.join();
  EXPECT_EQ(text, "count: cancelled, its job group was cancelled: second");
  at.open = true;
  first.join();
}

TEST_P(JobGroupsThreads, AFunctionThatThrowsBecauseItWasCancelledIsNoFailure) {
  std::string text;
  std::thread other([&] {
    text = error_of<error>([&] {
      sc.range(0, 10, 1, 1)
          .map([this](std::int64_t i) {
            at.pass();
            if (i == 0) throw std::runtime_error("no");
            return i;
          })
          .count();
    });
  });
  at.await(1);
  sc.cancel_all_jobs();
  at.open = true;
  other.join();
  EXPECT_EQ(text, "count: cancelled, all jobs were cancelled");
}

class AsyncThreads : public JobGroupsThreads {};
INSTANTIATE_TEST_SUITE_P(Masters, AsyncThreads, testing::ValuesIn(masters), name_of_master);

TEST_P(AsyncThreads, ResultsComeWhenTheyAreThere) {
  const auto words = sc.parallelize({"a", "b", "c"}, 2);
  const job_future<std::int64_t> count = words.count_async();
  const job_future<rows<std::string>> all = words.collect_async();
  EXPECT_EQ(count.get(), 3);
  EXPECT_EQ(count.get(), 3);
  EXPECT_EQ(all.get(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(words.take_async(2).get(), (std::vector<std::string>{"a", "b"}));
  std::atomic<int> seen{0};
  const job_future<void> each = words.for_each_async([&seen](const std::string&) { ++seen; });
  each.get();
  EXPECT_EQ(seen, 3);
  EXPECT_TRUE(each.wait_for(0s));
  EXPECT_TRUE(each.wait_for(0s) == std::future_status::ready);
}

TEST_P(AsyncThreads, TheProgramGoesOn) {
  const auto future = sc.range(0, 4, 1, 1).for_each_async([this](std::int64_t) { at.pass(); });
  at.await(1);
  EXPECT_FALSE(future.wait_for(1ms));
  EXPECT_TRUE(future.wait_for(1ms) == std::future_status::timeout);
  EXPECT_EQ(sc.range(10).count(), 10);  // beside it
  at.open = true;
  future.get();
  EXPECT_EQ(at.begun, 4);
}

TEST_P(AsyncThreads, Cancelled) {
  const auto future =
      sc.range(0, 1'000'000, 1, 1).for_each_async([this](std::int64_t) { at.pass(); });
  at.await(1);
  future.cancel();
  at.open = true;
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(error_of<error>([&] { future.get(); }),
              "for_each: cancelled, its future was cancelled");
  EXPECT_EQ(at.begun, 1);
  const auto ended = sc.range(5).count_async();
  ended.wait();
  ended.cancel();
  EXPECT_EQ(ended.get(), 5);
}

TEST_P(AsyncThreads, BelongsToTheGroupOfWhoBeganIt) {
  sc.set_job_group("background");
  const auto future =
      sc.range(0, 1'000'000, 1, 1).for_each_async([this](std::int64_t) { at.pass(); });
  sc.clear_job_group();
  at.await(1);
  sc.cancel_job_group("background");
  at.open = true;
  EXPECT_THROW(future.get(), error);
}

TEST_P(AsyncThreads, FailuresAreThrownByGet) {
  const auto future = sc.range(3)
                          .map([](std::int64_t i) {
                            if (i == 1) throw std::runtime_error("no");
                            return i;
                          })
                          .count_async();
  EXPECT_THROW(future.get(), job_error);
}

TEST_P(AsyncThreads, OutliveHandlesAndEndWithTheContext) {
  {
    auto future = [&] {
      context inner{{.master = GetParam()}};
      return inner.range(0, 1000, 1, 3).count_async();
    }();
    EXPECT_EQ(future.get(), 1000);
  }
  const auto future =
      sc.range(0, 1'000'000, 1, 1).for_each_async([this](std::int64_t) { at.pass(); });
  at.await(1);
  std::thread opener([this] { sc.stop(); });
  while (!sc.core()->stopped()) std::this_thread::yield();
  at.open = true;
  opener.join();
  EXPECT_THROW(future.get(), error);
  EXPECT_THROW(sc.range(3), usage_error);
}

}  // namespace
}  // namespace millrace
