// A function that takes too long is named while it does.
#include <gtest/gtest.h>

#include <algorithm>

#include "millrace/detail/base/log.hpp"
#include "millrace/millrace.hpp"
#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;
using kind = detail::event::kind;

class WatchdogThreads : public testing::Test {
 protected:
  context sc{{.name = "watchdog",
              .master = "local[2]",
              .conf = {{"task.warnAfter", "5ms"}, {"log.level", "off"}}}};
  event_recorder seen{sc};
  void TearDown() override { detail::set_log_level(detail::log_level::warn); }

  std::vector<detail::event> slow() {
    std::vector<detail::event> all;
    for (const auto& e : seen.all())
      if (e.what == kind::task_slow) all.push_back(e);
    return all;
  }
};

TEST_F(WatchdogThreads, NamesOperationPartitionAndRowOnce) {
  sc.range(0, 10, 1, 2)
      .map([](std::int64_t i) { return i * 2; })
      .filter([this](std::int64_t i) {
        if (i == 10) {
          EXPECT_TRUE(seen.wait_for(kind::task_slow));
        }
        return true;
      })
      .count();
  const auto all = slow();
  // The other partition may have been slow too, on a loaded machine.
  const auto named =
      std::find_if(all.begin(), all.end(), [](const auto& e) { return e.partition == 1; });
  ASSERT_NE(named, all.end());
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const auto& e) { return e.partition == 1; }),
            1);
  EXPECT_EQ(named->attempt, 0);
  EXPECT_GE(named->duration.count(), 5000);
  EXPECT_TRUE(named->text.starts_with("a task runs for longer than task.warnAfter")) << named->text;
  EXPECT_NE(named->text.find(" of partition 1 (count, stage "), std::string::npos) << named->text;
}

TEST_F(WatchdogThreads, NamesTheRowOfAnAction) {
  sc.range(0, 10, 1, 1).for_each([this](std::int64_t i) {
    if (i == 0) {
      EXPECT_TRUE(seen.wait_for(kind::task_slow));
    }
  });
  EXPECT_NE(slow().at(0).text.find(", in for_each at row 0 or soon after of partition 0"),
            std::string::npos)
      << slow().at(0).text;
}

TEST_F(WatchdogThreads, NamesAFunctionOfPartitions) {
  sc.range(0, 10, 1, 1)
      .map_partitions([this](partition_rows<std::int64_t>&) {
        EXPECT_TRUE(seen.wait_for(kind::task_slow));
        return std::vector<int>{1};
      })
      .count();
  EXPECT_NE(slow().at(0).text.find(", in map_partitions of partition 0"), std::string::npos)
      << slow().at(0).text;
}

TEST_F(WatchdogThreads, BringsTheStackOfTheTask) {
  sc.range(0, 10, 1, 1).for_each([this](std::int64_t i) {
    if (i == 0) {
      EXPECT_TRUE(seen.wait_for(kind::task_slow));
    }
  });
  const std::string text = slow().at(0).text;
  EXPECT_NE(text.find(", innermost call first: "), std::string::npos) << text;
  EXPECT_NE(text.find(" | "), std::string::npos) << text;
}

TEST(Watchdog, CanBeSwitchedOff) {
  const context sc{{.master = "local[2]", .conf = {{"task.warnAfter", "0"}}}};
  EXPECT_EQ(sc.range(10).count(), 10);
}

}  // namespace
}  // namespace millrace
