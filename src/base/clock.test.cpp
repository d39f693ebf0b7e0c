#include "millrace/detail/base/clock.hpp"

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;

time_point_ms at(std::chrono::milliseconds since_start) { return time_point_ms{since_start}; }

TEST(ManualClock, StandsStillUntilMoved) {
  manual_clock clock{at(5ms)};
  EXPECT_EQ(clock.now(), at(5ms));
  clock.advance(10ms);
  EXPECT_EQ(clock.now(), at(15ms));
  clock.set(at(3ms));
  EXPECT_EQ(clock.now(), at(3ms));
}

TEST(ManualClock, ATimeThatHasComeIsNotWaitedFor) {
  manual_clock clock{at(5ms)};
  const interruption stop;
  EXPECT_TRUE(clock.wait_until(at(5ms), stop));
  EXPECT_TRUE(clock.wait_until(at(4ms), stop));
}

TEST(ManualClock, ARaisedInterruptionEndsEveryWait) {
  manual_clock clock{at(5ms)};
  interruption stop;
  stop.raise();
  EXPECT_TRUE(stop.raised());
  EXPECT_FALSE(clock.wait_until(at(100ms), stop));
  EXPECT_FALSE(clock.wait_until(at(0ms), stop));
  EXPECT_FALSE(system_clock_source().wait_until(time_point_ms::max(), stop));
  stop.reset();
  EXPECT_FALSE(stop.raised());
  EXPECT_TRUE(clock.wait_until(at(0ms), stop));
}

TEST(ManualClockThreads, AdvanceWakesThoseWhoseTimeHasCome) {
  manual_clock clock;
  interruption stop;
  auto early = std::async(std::launch::async, [&] { return clock.wait_until(at(10ms), stop); });
  auto late = std::async(std::launch::async, [&] { return clock.wait_until(at(20ms), stop); });
  clock.await_waiters(2);
  clock.advance(10ms);
  EXPECT_TRUE(early.get());
  clock.await_waiters(1);
  clock.set(at(25ms));
  EXPECT_TRUE(late.get());
}

TEST(ManualClockThreads, AnInterruptionWakesOnlyItsOwn) {
  manual_clock clock;
  interruption mine;
  interruption other;
  auto first = std::async(std::launch::async, [&] { return clock.wait_until(at(10ms), mine); });
  auto second = std::async(std::launch::async, [&] { return clock.wait_until(at(10ms), other); });
  clock.await_waiters(2);
  mine.raise();
  EXPECT_FALSE(first.get());
  clock.await_waiters(1);
  clock.advance(10ms);
  EXPECT_TRUE(second.get());
}

// A wait that missed a move of the clock would hang here.
TEST(ManualClockThreads, NoWakeUpIsLost) {
  manual_clock clock;
  interruption stop;
  constexpr int steps = 2000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int step = 1; step <= steps; ++step) {
        EXPECT_TRUE(clock.wait_until(at(std::chrono::milliseconds{step}), stop));
      }
    });
  }
  for (int step = 0; step < steps; ++step) clock.advance(1ms);
  for (auto& thread : threads) thread.join();
}

TEST(ManualClockThreads, ATestStepsAThreadWithoutSleeping) {
  manual_clock clock;
  interruption stop;
  int ticks = 0;
  std::thread ticker{[&] {
    for (auto next = at(100ms); clock.wait_until(next, stop); next += 100ms) ++ticks;
  }};
  for (int expected = 0; expected < 50; ++expected) {
    clock.await_waiters(1);
    EXPECT_EQ(ticks, expected);
    clock.advance(100ms);
  }
  clock.await_waiters(1);
  stop.raise();
  ticker.join();
  EXPECT_EQ(ticks, 50);
}

TEST(SystemClock, NeverWakesEarly) {
  clock& clock = system_clock_source();
  const interruption stop;
  for (int i = 0; i < 20; ++i) {
    const auto until = clock.now() + 2ms;
    EXPECT_TRUE(clock.wait_until(until, stop));
    EXPECT_GE(clock.now(), until);
  }
  EXPECT_TRUE(clock.wait_until(time_point_ms::min(), stop));
}

TEST(SystemClockThreads, AnInterruptionEndsAWaitForEver) {
  interruption stop;
  auto waiting = std::async(std::launch::async, [&] {
    return system_clock_source().wait_until(time_point_ms::max(), stop);
  });
  stop.raise();
  EXPECT_FALSE(waiting.get());
}

}  // namespace
}  // namespace millrace::detail
