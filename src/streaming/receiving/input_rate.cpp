#include "streaming/receiving/input_rate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;

/// Where nobody says how fast to begin.
constexpr double first_rate = 1000;

double seconds(std::chrono::nanoseconds d) { return std::chrono::duration<double>(d).count(); }

double positive(const settings& conf, std::string_view name) {
  const double value = conf.number(name);
  if (value > 0) return value;
  throw usage_error("the setting " + std::string(name) +
                    " must be greater than 0: " + conf.text(name));
}

}  // namespace

std::optional<double> rate_estimator::estimate(std::chrono::steady_clock::time_point ended,
                                               std::int64_t records,
                                               std::chrono::nanoseconds processing_delay,
                                               std::chrono::nanoseconds scheduling_delay) {
  if (records <= 0 || processing_delay.count() <= 0 || (!first_ && ended <= last_ended_)) return {};
  const double processed = static_cast<double>(records) / seconds(processing_delay);
  if (first_) {
    first_ = false;
    last_ended_ = ended;
    last_rate_ = processed;
    last_error_ = 0;
    return {};
  }
  const double error = last_rate_ - processed;
  // What waits, as if it had come within one batch.
  const double history = seconds(scheduling_delay) * processed / seconds(options_.interval);
  const double change = (error - last_error_) / seconds(ended - last_ended_);
  const double rate = std::max(last_rate_ - options_.proportional * error -
                                   options_.integral * history - options_.derived * change,
                               options_.least);
  last_ended_ = ended;
  last_rate_ = rate;
  last_error_ = error;
  return rate;
}

input_rate::input_rate(const settings& conf, std::chrono::milliseconds interval)
    : interval_(interval),
      most_(conf.is_set("streaming.receiver.maxRate") ? positive(conf, "streaming.receiver.maxRate")
                                                      : std::numeric_limits<double>::infinity()),
      limit_(most_) {
  if (conf.boolean("streaming.backpressure.enabled")) {
    const bool begins = conf.is_set("streaming.backpressure.initialRate");
    limit_ =
        std::min(most_, begins ? positive(conf, "streaming.backpressure.initialRate") : first_rate);
    if (const std::string which = conf.text("streaming.backpressure.rateEstimator"); which != "pid")
      throw usage_error("there is no rate estimator of that name, only \"pid\": \"" + which + "\"");
    const auto weight = [&](std::string_view name) {
      const double value = conf.number(name);
      if (value >= 0) return value;
      throw usage_error("the setting " + std::string(name) +
                        " must not be negative: " + conf.text(name));
    };
    estimator_.emplace(rate_estimator::options{
        interval, weight("streaming.backpressure.pid.proportional"),
        weight("streaming.backpressure.pid.integral"), weight("streaming.backpressure.pid.derived"),
        positive(conf, "streaming.backpressure.pid.minRate")});
  }
  limited_ = std::isfinite(limit_);
}

std::int64_t input_rate::batch_limit() const {
  const double most = limit_ * seconds(interval_);
  if (most >= static_cast<double>(std::numeric_limits<std::int64_t>::max()))
    return std::numeric_limits<std::int64_t>::max();
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(most));
}

void input_rate::batch_ended(const batch_outcome& batch, std::int64_t records) {
  if (!estimator_) return;
  const auto rate =
      estimator_->estimate(batch.ended, records, batch.processing_delay, batch.scheduling_delay);
  if (rate) known_ = true;
  // Not past what batches cope with: one that took longer than its interval ends the doubling.
  const bool copes = batch.processing_delay < interval_;
  if (rate) limit_ = std::min(*rate, most_);
  else if (!known_ && records > 0 && copes) limit_ = std::min(limit_ * 2, most_);
}

std::chrono::nanoseconds rate_pace::take(std::int64_t records, double per_second,
                                         std::chrono::steady_clock::time_point now) {
  using duration = std::chrono::steady_clock::duration;
  const double cost = static_cast<double>(records) / per_second * 1e9;
  free_ = std::max(free_, now - 100ms) + duration(static_cast<duration::rep>(std::min(cost, 1e18)));
  // Less than that is slept badly; it adds up.
  return free_ - now < 1ms ? 0ns : free_ - now;
}

}  // namespace millrace::detail
