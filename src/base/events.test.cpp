#include "millrace/detail/base/events.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/base/settings.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

event numbered(std::int64_t job) { return {.what = event::kind::job_started, .job = job}; }

TEST(EventJson, OnlyTheFieldsThatAreSet) {
  const event batch{.what = event::kind::batch_completed,
                    .time = std::chrono::sys_time<std::chrono::microseconds>{1234567us},
                    .batch_time = 1000,
                    .records = 0,
                    .scheduling_delay = 5us,
                    .processing_delay = 2ms};
  EXPECT_EQ(to_json_line(batch),
            R"({"event":"batch_completed","time_us":1234567,"batch_time":1000,"records":0,)"
            R"("scheduling_delay_us":5,"processing_delay_us":2000})");
}

TEST(EventJson, EveryField) {
  const event all{.what = event::kind::task_failed,
                  .time = {},
                  .job = 1,
                  .stage = 2,
                  .partition = 3,
                  .attempt = 4,
                  .slot = 5,
                  .epoch = 6,
                  .stream = 7,
                  .batch_time = 8,
                  .output = 9,
                  .records = 10,
                  .bytes = 11,
                  .scheduling_delay = 12us,
                  .processing_delay = 13us,
                  .duration = 14us,
                  .text = "why"};
  EXPECT_EQ(to_json_line(all),
            R"({"event":"task_failed","time_us":0,"job":1,"stage":2,"partition":3,"attempt":4,)"
            R"("slot":5,"epoch":6,"stream":7,"batch_time":8,"output":9,"records":10,"bytes":11,)"
            R"("scheduling_delay_us":12,"processing_delay_us":13,"duration_us":14,"text":"why"})");
}

TEST(EventJson, TextOfAnyBytes) {
  event failed = numbered(1);
  failed.text = "q\" b\\ n\n t\t z\0 e\x1b d\x7f caf\xc3\xa9 \xff\xc3"s;
  EXPECT_EQ(to_json_line(failed),
            R"({"event":"job_started","time_us":0,"job":1,"text":"q\" b\\ n\n t\u0009 z\u0000 )"
            "e\\u001b d\\u007f caf\xc3\xa9 \\ufffd\\ufffd\"}");
}

TEST(EventJson, EveryKindHasItsName) {
  for (int kind = 0; kind <= static_cast<int>(event::kind::receiver_stopped); ++kind) {
    EXPECT_STRNE(name_of(static_cast<event::kind>(kind)), "unknown") << kind;
  }
}

TEST(EventBus, WithoutSubscribersNothingIsWanted) {
  event_bus bus;
  EXPECT_FALSE(bus.wanted());
  bus.publish(numbered(1));
  bus.flush();
  {
    const auto subscription = bus.subscribe([](const event&) {});
    EXPECT_TRUE(bus.wanted());
  }
  EXPECT_FALSE(bus.wanted());
}

TEST(EventBusThreads, InOrderToEverySubscriberFromItsSubscriptionOn) {
  event_bus bus;
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> second;
  const auto one = bus.subscribe([&](const event& e) { first.push_back(e.job); });
  for (int i = 0; i < 1000; ++i) bus.publish(numbered(i));
  const auto two = bus.subscribe([&](const event& e) { second.push_back(e.job); });
  for (int i = 1000; i < 2000; ++i) bus.publish(numbered(i));
  bus.flush();
  ASSERT_EQ(first.size(), 2000U);
  ASSERT_EQ(second.size(), 1000U);
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(first[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(second.front(), 1000);
}

TEST(EventBusThreads, TheTimeIsFilledIn) {
  event_bus bus;
  std::vector<event> seen;
  const auto subscription = bus.subscribe([&](const event& e) { seen.push_back(e); });
  const auto given = std::chrono::sys_time<std::chrono::microseconds>{5us};
  bus.publish(numbered(1));
  bus.publish({.time = given});
  bus.flush();
  EXPECT_GT(seen.at(0).time, given);
  EXPECT_EQ(seen.at(1).time, given);
}

TEST(EventBusThreads, PublishersWaitInsteadOfLosingAnything) {
  event_bus bus;
  std::promise<void> go;
  auto gate = go.get_future();
  std::int64_t sum = 0;
  std::int64_t count = 0;
  const auto subscription = bus.subscribe([&](const event& e) {
    if (count++ == 0) gate.wait();  // so the queue fills up
    sum += e.job;
  });
  constexpr std::int64_t each = 60000;
  std::atomic<std::int64_t> published{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (std::int64_t i = 1; i <= each; ++i) {
        bus.publish(numbered(i));
        ++published;
      }
    });
  }
  while (published < 65536) std::this_thread::yield();
  go.set_value();
  for (auto& thread : threads) thread.join();
  bus.flush();
  EXPECT_EQ(count, 2 * each);
  EXPECT_EQ(sum, each * (each + 1));
}

TEST(EventBusThreads, ASubscriberThatThrowsIsReportedOnceAndGoesOn) {
  std::vector<std::string> lines;
  set_log_sink(
      [](void* to, log_level, std::string_view line) {
        static_cast<std::vector<std::string>*>(to)->emplace_back(line);
      },
      &lines);
  int bad_calls = 0;
  int good_calls = 0;
  {
    event_bus bus;
    const auto bad = bus.subscribe([&](const event&) {
      ++bad_calls;
      throw std::runtime_error{"can't take it"};
    });
    const auto good = bus.subscribe([&](const event&) { ++good_calls; });
    for (int i = 0; i < 10; ++i) bus.publish(numbered(i));
    bus.flush();
    EXPECT_EQ(bad.failure(), "can't take it");
    EXPECT_EQ(good.failure(), "");
  }
  set_log_sink(nullptr, nullptr);
  EXPECT_EQ(bad_calls, 10);
  EXPECT_EQ(good_calls, 10);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("can't take it"), std::string::npos);
}

TEST(EventBusThreads, ASubscriberMayPublishFlushAndEnd) {
  event_bus bus;
  int calls = 0;
  event_bus::subscription subscription;
  subscription = bus.subscribe([&](const event& e) {
    ++calls;
    bus.flush();
    if (e.job < 100000) bus.publish(numbered(100000));
    if (e.job == 100000) subscription.end();
  });
  bus.publish(numbered(1));
  bus.flush();  // 1; while it is served, 100000 is published
  bus.flush();  // that too
  bus.publish(numbered(2));
  bus.flush();
  EXPECT_EQ(calls, 2);
  EXPECT_FALSE(bus.wanted());
}

TEST(EventBusThreads, AfterEndNoCallRunsOrComes) {
  for (int round = 0; round < 50; ++round) {
    event_bus bus;
    auto alive = std::make_unique<int>(0);
    auto subscription = bus.subscribe([&](const event&) { ++*alive; });
    std::thread publisher{[&] {
      for (int i = 0; i < 200; ++i) bus.publish(numbered(i));
    }};
    subscription.end();
    alive.reset();  // a call that came now would be caught by a sanitizer
    publisher.join();
    subscription.end();
  }
}

TEST(EventBusThreads, WhatIsLeftIsDeliveredWhenTheBusEnds) {
  int calls = 0;
  event_bus::subscription outlives;
  {
    event_bus bus;
    outlives = bus.subscribe([&](const event&) { ++calls; });
    for (int i = 0; i < 1000; ++i) bus.publish(numbered(i));
  }
  EXPECT_EQ(calls, 1000);
  outlives.end();
}

class EventLogThreads : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace_event_log_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
    path_ = directory_ + "/events.jsonl";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string content() const {
    std::ostringstream all;
    all << std::ifstream{path_, std::ios::binary}.rdbuf();
    return all.str();
  }

  std::string directory_;
  std::string path_;
};

TEST_F(EventLogThreads, EveryEventIsALineAndALogIsContinued) {
  event_bus bus;
  const auto time = std::chrono::sys_time<std::chrono::microseconds>{5us};
  for (int round = 0; round < 2; ++round) {
    event_log log{bus, path_};
    bus.publish({.time = time, .job = round});
    log.close();
    log.close();
  }
  EXPECT_EQ(content(),
            "{\"event\":\"job_started\",\"time_us\":5,\"job\":0}\n"
            "{\"event\":\"job_started\",\"time_us\":5,\"job\":1}\n");
  EXPECT_FALSE(bus.wanted());
}

TEST_F(EventLogThreads, ATornLastLineIsEnded) {
  std::ofstream{path_} << "{\"event\":\"job_st";
  event_bus bus;
  event_log log{bus, path_};
  bus.publish({.time = std::chrono::sys_time<std::chrono::microseconds>{5us}});
  log.close();
  EXPECT_EQ(content(), "{\"event\":\"job_st\n{\"event\":\"job_started\",\"time_us\":5}\n");
}

TEST_F(EventLogThreads, APathThatCantBeOpenedIsAnError) {
  event_bus bus;
  try {
    event_log log{bus, directory_ + "/missing/events.jsonl"};
    FAIL();
  } catch (const error& e) {
    EXPECT_NE(std::string{e.what()}.find("No such file"), std::string::npos) << e.what();
  }
  EXPECT_FALSE(bus.wanted());
}

TEST_F(EventLogThreads, AFullDiskIsReportedOnceAndAgainAtClose) {
  std::vector<std::string> lines;
  set_log_sink(
      [](void* to, log_level, std::string_view line) {
        static_cast<std::vector<std::string>*>(to)->emplace_back(line);
      },
      &lines);
  event_bus bus;
  event_log log{bus, "/dev/full"};
  for (int i = 0; i < 10; ++i) bus.publish(numbered(i));
  EXPECT_THROW(log.close(), error);
  set_log_sink(nullptr, nullptr);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("/dev/full"), std::string::npos) << lines[0];
}

TEST(EventLog, PathFromTheSettingElseTheEnvironment) {
  settings s;
  ::unsetenv("MILLRACE_EVENT_LOG");
  EXPECT_EQ(event_log::path_of(s), "");
  ::setenv("MILLRACE_EVENT_LOG", "from/environment", 1);
  EXPECT_EQ(event_log::path_of(s), "from/environment");
  s.set("event.log", "from/setting");
  EXPECT_EQ(event_log::path_of(s), "from/setting");
  ::unsetenv("MILLRACE_EVENT_LOG");
}

}  // namespace
}  // namespace millrace::detail
