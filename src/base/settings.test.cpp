#include "millrace/detail/base/settings.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;

std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const usage_error& e) {
    return e.what();
  }
  return "accepted";
}

TEST(Settings, DefaultsOfTheTableAreValid) {
  for (const setting_info& info : known_settings()) {
    settings s;
    if (!info.initial.empty()) {
      EXPECT_NO_THROW(s.set(info.name, info.initial)) << info.name;
    }
    EXPECT_FALSE(info.meaning.empty()) << info.name;
    EXPECT_EQ(info.meaning.find('\n'), std::string_view::npos) << info.name;
  }
}

TEST(Settings, ValueElseDefault) {
  settings s;
  EXPECT_EQ(s.duration("streaming.blockInterval"), 200ms);
  EXPECT_EQ(s.integer("streaming.concurrentJobs"), 1);
  EXPECT_EQ(s.size("streaming.receiver.maxBytes"), std::uint64_t{64} << 20);
  EXPECT_TRUE(s.boolean("hadoop.validateOutputSpecs"));
  EXPECT_EQ(s.text("log.level"), "warn");
  EXPECT_FALSE(s.is_set("streaming.blockInterval"));
  s.set("streaming.blockInterval", "200ms");
  EXPECT_TRUE(s.is_set("streaming.blockInterval"));
  s.set("streaming.blockInterval", "1s");
  EXPECT_EQ(s.duration("streaming.blockInterval"), 1s);
  EXPECT_EQ(s.all().size(), 1U);
}

TEST(Settings, NamesOfSparkAndInSnakeCase) {
  settings s;
  s.set("spark.task.maxFailures", "3");
  EXPECT_EQ(s.integer("task.maxFailures"), 3);
  s.set("task.max_failures", "4");
  EXPECT_EQ(s.integer("spark.task.maxFailures"), 4);
  EXPECT_EQ(s.all(), (std::vector<settings::pair>{{"task.maxFailures", "4"}}));
}

TEST(Settings, PairsAndAssignments) {
  const std::vector<settings::pair> pairs{{"log.level", "info"}, {"default.parallelism", "8"}};
  settings s{pairs};
  s.set(" event.log = a=b.jsonl ");
  EXPECT_EQ(s.text("event.log"), "a=b.jsonl");
  EXPECT_EQ(s.all().front().first, "default.parallelism");
  EXPECT_EQ(refusal([&] { s.set("log.level"); }),
            "a setting is given as name=value: \"log.level\"");
}

TEST(Settings, AnUnknownNameNamesTheNearest) {
  settings s;
  EXPECT_EQ(refusal([&] { s.set("spark.streaming.blokInterval", "1s"); }),
            "there is no such setting; the nearest is \"streaming.blockInterval\": "
            "\"spark.streaming.blokInterval\"");
  EXPECT_EQ(refusal([&] { s.set("maxFailures", "1"); }),
            "there is no such setting; the nearest is \"task.maxFailures\": \"maxFailures\"");
  EXPECT_THROW((void)s.integer("concurrentJob"), usage_error);
  EXPECT_THROW((void)s.is_set(""), usage_error);
}

TEST(Settings, ValuesAreCheckedWhenSet) {
  settings s;
  EXPECT_EQ(refusal([&] { s.set("task.maxFailures", "many"); }),
            "the setting task.maxFailures can't be set: expected an integer: \"many\"");
  EXPECT_EQ(refusal([&] { s.set("task.maxFailures", "0"); }),
            "the setting task.maxFailures can't be set: expected at least 1: \"0\"");
  EXPECT_EQ(refusal([&] { s.set("streaming.blockInterval", "10us"); }),
            "the setting streaming.blockInterval can't be set: expected at least 1ms: \"10us\"");
  for (const auto& [name, value] : std::vector<settings::pair>{
           {"task.maxFailures", ""},
           {"task.maxFailures", "1.5"},
           {"task.maxFailures", "99999999999999999999"},
           {"hadoop.validateOutputSpecs", "yes"},
           {"log.level", "loud"},
           {"streaming.blockInterval", "1 s"},
           {"local.block.size", "0"},
       }) {
    EXPECT_THROW(s.set(name, value), usage_error) << name << " = " << value;
  }
  EXPECT_TRUE(s.all().empty());
}

TEST(Settings, WithoutValueOrOfAnotherType) {
  const settings s;
  EXPECT_EQ(s.text("default.parallelism"), "");
  EXPECT_THROW((void)s.integer("default.parallelism"), error);
  EXPECT_THROW((void)s.integer("streaming.blockInterval"), error);
}

TEST(Settings, Durations) {
  EXPECT_EQ(parse_duration("200ms"), 200ms);
  EXPECT_EQ(parse_duration("7us"), 7us);
  EXPECT_EQ(parse_duration("1s"), 1s);
  EXPECT_EQ(parse_duration("2min"), 2min);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("3h"), 3h);
  EXPECT_EQ(parse_duration("4D"), 96h);
  EXPECT_EQ(parse_duration("1500"), 1500ms);
  EXPECT_EQ(parse_duration("0"), 0ms);
  EXPECT_EQ(parse_duration("106751d"), 106751 * 24h);
  for (const char* text :
       {"", "s", "-1s", "1.5s", "1 s", "1x", "106752d", "1ss", "+1s", "99999999999999999999ms"}) {
    EXPECT_THROW((void)parse_duration(text), usage_error) << text;
  }
}

TEST(Settings, Sizes) {
  EXPECT_EQ(parse_size("64k"), 64U << 10);
  EXPECT_EQ(parse_size("512M"), 512U << 20);
  EXPECT_EQ(parse_size("2gb"), std::uint64_t{2} << 30);
  EXPECT_EQ(parse_size("1t"), std::uint64_t{1} << 40);
  EXPECT_EQ(parse_size("17"), 17U);
  EXPECT_EQ(parse_size("17b"), 17U);
  for (const char* text : {"", "k", "-1k", "1.5k", "1 k", "1kib", "9000000t"}) {
    EXPECT_THROW((void)parse_size(text), usage_error) << text;
  }
}

}  // namespace
}  // namespace millrace::detail
