// A receiver's sink in the test's hands.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/detail/streaming/receiving.hpp"
#include "millrace/error.hpp"
#include "streaming/receiving/input_rate.hpp"

namespace millrace::detail {

/// What a receiver stored and said, for tests to wait for.
class recording_sink final : public receiver_sink {
 public:
  using lines = std::vector<std::string>;
  static constexpr auto deadline = std::chrono::seconds(20);

  void store(received_block block) override {
    const std::lock_guard lock(mutex_);
    const std::string_view text = block.text.text;
    std::int64_t records = 0;
    for (std::size_t i = 0; i < text.size(); ++records) {
      std::size_t end = text.find_first_of("\r\n", i);
      if (end == std::string_view::npos) end = text.size();
      lines_.emplace_back(text.substr(i, end - i));
      i = end + (text.substr(end).starts_with("\r\n") ? 2 : 1);
    }
    EXPECT_EQ(block.records, records);
    EXPECT_EQ(block.bytes, text.size());
    bytes_ += block.bytes;
    changed_.notify_all();
  }
  bool logs() const override { return false; }
  bool await_durable() override { return true; }
  bool pause(std::size_t not_stored) override {
    const std::lock_guard lock(mutex_);
    paused_ = bytes_ + not_stored >= most_;
    return paused_;
  }
  bool counting() const override { return true; }
  bool limited() const override { return rate_ > 0; }
  std::chrono::nanoseconds throttle(std::int64_t records) override {
    const std::lock_guard lock(mutex_);
    throttled_ += records;
    return pace_.take(records, rate_, std::chrono::steady_clock::now());
  }
  void running(bool) noexcept override {}
  void report(std::string text) noexcept override {
    const std::lock_guard lock(mutex_);
    reports_.push_back(std::move(text));
    changed_.notify_all();
  }
  void reject(on_bad_record policy, const bad_record& what) override {
    if (policy == on_bad_record::fail) throw error(std::string(what.reason));
    const std::lock_guard lock(mutex_);
    rejected_.push_back(std::string(what.reason) + ", " + std::string(what.position) + ": " +
                        std::string(what.bytes));
    changed_.notify_all();
  }
  void fail(std::exception_ptr why) noexcept override {
    const std::lock_guard lock(mutex_);
    failures_.push_back(describe(why));
    changed_.notify_all();
  }

  lines await_lines(receiver_port& port, std::size_t count) {
    const auto until = std::chrono::steady_clock::now() + deadline;
    for (;;) {
      port.cut();
      std::unique_lock lock(mutex_);
      if (lines_.size() >= count) return lines_;
      if (std::chrono::steady_clock::now() > until) {
        ADD_FAILURE() << lines_.size() << " of " << count << " lines came in time";
        return lines_;
      }
      changed_.wait_for(lock, std::chrono::milliseconds(1));
    }
  }
  lines await_reports(std::size_t count) { return await(reports_, count); }
  lines await_failures(std::size_t count) { return await(failures_, count); }
  lines await_rejected(std::size_t count) { return await(rejected_, count); }
  lines reports() { return await_reports(0); }
  std::size_t bytes() {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }
  bool paused() {
    const std::lock_guard lock(mutex_);
    return paused_;
  }
  /// Records a second. REQUIRES: nothing receives yet.
  void rate(double most) { rate_ = most; }
  std::int64_t throttled() {
    const std::lock_guard lock(mutex_);
    return throttled_;
  }
  void limit(std::size_t most) {
    const std::lock_guard lock(mutex_);
    most_ = most;
  }

 private:
  lines await(const lines& what, std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, deadline, [&] { return what.size() >= count; }));
    return what;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  lines lines_, reports_, rejected_, failures_;
  std::size_t bytes_ = 0;
  std::size_t most_ = SIZE_MAX;
  bool paused_ = false;
  double rate_ = 0;
  std::int64_t throttled_ = 0;
  rate_pace pace_;
};

}  // namespace millrace::detail
