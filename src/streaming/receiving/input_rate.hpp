// How fast an input may bring records.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "millrace/detail/base/settings.hpp"
#include "millrace/detail/streaming/stream_node.hpp"

namespace millrace::detail {

/// Spark's PID controller: from how batches went to the records a second that can be worked on.
class rate_estimator {
 public:
  struct options {
    std::chrono::milliseconds interval;
    double proportional = 1.0;
    double integral = 0.2;
    double derived = 0.0;
    double least = 100.0;
  };
  explicit rate_estimator(options o) : options_(o) {}

  /// Nothing for the first batch with records, for one without any, and where time stands still.
  std::optional<double> estimate(std::chrono::steady_clock::time_point ended, std::int64_t records,
                                 std::chrono::nanoseconds processing_delay,
                                 std::chrono::nanoseconds scheduling_delay);

 private:
  options options_;
  bool first_ = true;
  std::chrono::steady_clock::time_point last_ended_{};
  double last_rate_ = 0;
  double last_error_ = 0;
};

/// The limit of one input, by the settings and by back-pressure. Not thread-safe.
class input_rate {
 public:
  input_rate(const settings& conf, std::chrono::milliseconds interval);

  /// Whether back-pressure wants to know what batches held.
  bool adapts() const { return estimator_.has_value(); }
  bool limited() const { return limited_; }
  /// Records a second. REQUIRES: limited.
  double limit() const { return limit_; }
  /// What one batch may hold; INT64_MAX where nothing limits it, else at least 1.
  std::int64_t batch_limit() const;

  /// Until batches tell how much can be worked on, the limit doubles with each of them: from the
  /// first batch on there is one, and it is low.
  void batch_ended(const batch_outcome& batch, std::int64_t records);

 private:
  std::chrono::milliseconds interval_;
  double most_;
  double limit_;
  bool limited_;
  bool known_ = false;  // by an estimate
  std::optional<rate_estimator> estimator_;
};

/// Keeps a rate: says how long to wait. Up to a tenth of a second of unused time may be caught up
/// with.
class rate_pace {
 public:
  std::chrono::nanoseconds take(std::int64_t records, double per_second,
                                std::chrono::steady_clock::time_point now);

 private:
  std::chrono::steady_clock::time_point free_{};  // when what was taken is paid for
};

}  // namespace millrace::detail
