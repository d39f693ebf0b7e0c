#include "streaming/receiving/input_rate.hpp"

#include <gtest/gtest.h>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;
using time_point = std::chrono::steady_clock::time_point;

const time_point zero{};

TEST(RateEstimator, follows_sparks_formula_and_skips_what_it_skips) {
  rate_estimator pid({.interval = 1s, .derived = 0.5});
  EXPECT_FALSE(pid.estimate(zero + 1s, 0, 1s, 0s));        // no records
  EXPECT_FALSE(pid.estimate(zero + 1s, 100, 0s, 0s));      // no time
  EXPECT_FALSE(pid.estimate(zero + 1s, 1000, 500ms, 0s));  // the first: 2000 a second
  EXPECT_FALSE(pid.estimate(zero + 1s, 1000, 500ms, 0s));  // no later than the last
  EXPECT_FALSE(pid.estimate(zero + 2s, -1, 500ms, 0s));
  // Worked on: 1000 a second. Error 1000, history 200 ms of that, change 1000 in 2 s.
  const auto rate = pid.estimate(zero + 3s, 1000, 1s, 200ms);
  ASSERT_TRUE(rate);
  EXPECT_DOUBLE_EQ(*rate, 2000 - 1.0 * 1000 - 0.2 * 200 - 0.5 * 500);
  // Never below the least.
  EXPECT_DOUBLE_EQ(pid.estimate(zero + 4s, 1, 10s, 10'000s).value(), 100);
}

batch_outcome batch(time_point ended, std::chrono::nanoseconds took) {
  return {{}, ended, 0ns, took};
}

TEST(InputRate, without_settings_nothing_is_limited) {
  const input_rate rate({}, 1s);
  EXPECT_FALSE(rate.limited());
  EXPECT_FALSE(rate.adapts());
  EXPECT_EQ(rate.batch_limit(), INT64_MAX);
}

TEST(InputRate, a_set_rate_stays) {
  settings conf;
  conf.set("streaming.receiver.maxRate", "250");
  input_rate rate(conf, 100ms);
  EXPECT_TRUE(rate.limited());
  EXPECT_EQ(rate.batch_limit(), 25);
  rate.batch_ended(batch(zero + 1s, 1s), 1000);
  rate.batch_ended(batch(zero + 2s, 1s), 1000);
  EXPECT_EQ(rate.batch_limit(), 25);
  EXPECT_EQ(input_rate(conf, 1ms).batch_limit(), 1);
}

TEST(InputRate, back_pressure_doubles_until_it_knows_and_keeps_to_the_maximum) {
  settings conf;
  conf.set("streaming.backpressure.enabled", "true");
  conf.set("streaming.receiver.maxRate", "3500");
  input_rate rate(conf, 1s);
  EXPECT_EQ(rate.batch_limit(), 1000);
  rate.batch_ended(batch(zero + 1s, 100ms), 0);  // an empty batch tells nothing
  EXPECT_EQ(rate.batch_limit(), 1000);
  rate.batch_ended(batch(zero + 2s, 100ms), 200);  // the first with records: no estimate yet
  EXPECT_EQ(rate.batch_limit(), 2000);
  rate.batch_ended(batch(zero + 3s, 100ms), 200);  // 2000 a second were worked on
  EXPECT_EQ(rate.batch_limit(), 2000);
  rate.batch_ended(batch(zero + 4s, 100ms), 2000);
  EXPECT_EQ(rate.batch_limit(), 3500);
}

TEST(InputRate, one_that_can_not_cope_is_not_doubled) {
  settings conf;
  conf.set("streaming.backpressure.enabled", "true");
  conf.set("streaming.backpressure.initialRate", "10");
  input_rate rate(conf, 1s);
  rate.batch_ended(batch(zero + 2s, 2s), 10);
  EXPECT_EQ(rate.batch_limit(), 10);
}

TEST(InputRate, settings_that_make_no_sense_are_refused) {
  for (const auto& [name, value] :
       std::vector<settings::pair>{{"streaming.receiver.maxRate", "0"},
                                   {"streaming.backpressure.initialRate", "-1"},
                                   {"streaming.backpressure.pid.minRate", "0"},
                                   {"streaming.backpressure.pid.integral", "-0.1"},
                                   {"streaming.backpressure.rateEstimator", "guess"}}) {
    settings conf;
    conf.set("streaming.backpressure.enabled", "true");
    conf.set(name, value);
    EXPECT_THROW(input_rate(conf, 1s), usage_error) << name;
  }
}

TEST(RatePace, waits_for_what_was_taken) {
  rate_pace p;
  time_point now = zero + 100s;
  // A tenth of a second may be caught up with.
  EXPECT_EQ(p.take(100, 1000, now), 0ns);
  EXPECT_EQ(p.take(50, 1000, now), 50ms);
  EXPECT_EQ(p.take(50, 1000, now), 100ms);
  now += 100ms;
  EXPECT_EQ(p.take(0, 1000, now), 0ns);
  EXPECT_EQ(p.take(2000, 1000, now), 2s);
  now += 100s;
  EXPECT_EQ(p.take(100, 1000, now), 0ns);
}

}  // namespace
}  // namespace millrace::detail
