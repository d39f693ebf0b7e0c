// A streaming context that runs on its own threads and a clock that the test moves; and what tests
// wait on, with a deadline.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <vector>

#include "millrace/streaming_context.hpp"

namespace millrace::test {

constexpr auto deadline = std::chrono::seconds(20);

/// Values that other threads bring and the test waits for.
template <class T>
class mailbox {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    arrived_.notify_all();
  }
  std::vector<T> await(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(arrived_.wait_for(lock, deadline, [&] { return values_.size() >= count; }))
        << values_.size() << " of " << count << " came in time";
    return values_;
  }
  /// Waits until some value makes `wanted` true for all that came.
  template <class F>
  std::vector<T> await_until(F wanted) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(arrived_.wait_for(lock, deadline, [&] { return wanted(values_); }));
    return values_;
  }
  std::vector<T> all() {
    const std::lock_guard lock(mutex_);
    return values_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<T> values_;
};

class gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(opened_.wait_for(lock, deadline, [&] { return open_; })) << "a gate stayed shut";
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

struct stream_on_manual_clock {
  explicit stream_on_manual_clock(std::chrono::milliseconds batch = std::chrono::seconds(1),
                                  std::chrono::milliseconds now = std::chrono::milliseconds(0),
                                  std::vector<std::pair<std::string, std::string>> conf = {})
      : clock(detail::time_point_ms(now)), sc(make_context(&clock, conf)), ssc(sc, batch) {}

  /// Moves the clock by `batches` intervals, one at a time, each when the last was noticed.
  void tick(int batches = 1) {
    for (int i = 0; i < batches; ++i) {
      clock.await_waiters(1);
      clock.advance(ssc.core()->interval());
    }
  }

  static context make_context(detail::clock* time,
                              const std::vector<std::pair<std::string, std::string>>& conf) {
    detail::engine::options o;
    o.name = "test";
    o.threads = 2;
    o.conf = detail::settings(conf);
    o.time = time;
    return context(std::make_shared<detail::engine>(std::move(o)));
  }

  detail::manual_clock clock;
  context sc;
  streaming_context ssc;
};

inline std::int64_t count_of(batch_time time) { return time.time_since_epoch().count(); }

}  // namespace millrace::test
