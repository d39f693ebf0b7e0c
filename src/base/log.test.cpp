#include "millrace/detail/base/log.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

/// The log's lines, while it lives.
class seen_lines {
 public:
  seen_lines() {
    set_log_sink(
        [](void* self, log_level level, std::string_view line) {
          static_cast<seen_lines*>(self)->lines.emplace_back(level, line);
        },
        this);
  }
  ~seen_lines() {
    set_log_sink(nullptr, nullptr);
    set_log_level(log_level::warn);
  }
  seen_lines(const seen_lines&) = delete;
  seen_lines& operator=(const seen_lines&) = delete;

  std::vector<std::pair<log_level, std::string>> lines;
};

TEST(Log, FromWarnOnUnlessToldOtherwise) {
  seen_lines seen;
  log_debug("debug");
  log_info("info");
  log_warn("warn");
  log_error("error");
  using lines = std::vector<std::pair<log_level, std::string>>;
  EXPECT_EQ(seen.lines, (lines{{log_level::warn, "warn"}, {log_level::error, "error"}}));
  seen.lines.clear();
  set_log_level(log_level::debug);
  log_debug("debug");
  EXPECT_TRUE(log_wanted(log_level::info));
  set_log_level(log_level::off);
  log_error("error");
  EXPECT_FALSE(log_wanted(log_level::error));
  EXPECT_EQ(seen.lines, (lines{{log_level::debug, "debug"}}));
}

TEST(Log, OneEventIsOneLine) {
  seen_lines seen;
  log_warn("a\nb\rc\td\x1b[31m\x7f \xc2\x85 caf\xc3\xa9 \xff\xc3 {} %s");
  ASSERT_EQ(seen.lines.size(), 1U);
  EXPECT_EQ(seen.lines[0].second,
            "a\\nb\\rc\\td\\x1b[31m\\x7f \\xc2\\x85 caf\xc3\xa9 \\xff\\xc3 {} %s");
}

TEST(Log, ASinkThatThrowsHurtsNobody) {
  set_log_sink([](void*, log_level, std::string_view) { throw std::runtime_error{"no"}; }, nullptr);
  log_error("lost");
  set_log_sink(nullptr, nullptr);
}

TEST(Log, ToStderrWithoutASink) {
  testing::internal::CaptureStderr();
  log_info("quiet");
  log_warn("loud {}");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("quiet"), std::string::npos);
  EXPECT_NE(text.find(" warning millrace: loud {}\n"), std::string::npos) << text;
}

TEST(Log, Levels) {
  EXPECT_EQ(parse_log_level("off"), log_level::off);
  EXPECT_EQ(parse_log_level("debug"), log_level::debug);
  EXPECT_THROW((void)parse_log_level("loud"), usage_error);
}

TEST(LogThreads, LinesComeWholeAndOneAtATime) {
  seen_lines seen;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 500; ++i) log_warn("line");
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(seen.lines.size(), 2000U);
}

}  // namespace
}  // namespace millrace::detail
