#include "millrace/json.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "millrace/error.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;

struct place {
  double x = 0;
  float y = 0;
  bool operator==(const place&) const = default;
};
enum class color { red, green };
struct click {
  std::string user;
  int count = 7;
  std::optional<place> where;
  std::vector<std::string> tags;
  std::map<std::string, std::vector<int>> scores;
  std::chrono::sys_time<std::chrono::milliseconds> at{};
  std::chrono::milliseconds took{};
  bool member = false;
  color paint = color::red;
  std::uint8_t small = 0;
  char letter = 'a';
  bool operator==(const click&) const = default;
};

/// What refusing the text says.
template <class T>
std::string refusal(std::string_view text, const json::reading& how = {}) {
  try {
    (void)json::parse<T>(text, how);
  } catch (const error& e) {
    return e.what();
  }
  return "it was taken";
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
#define EXPECT_REFUSED(T, text, ...)     \
  for (const char* part : {__VA_ARGS__}) \
  EXPECT_TRUE(contains(refusal<T>(text), part)) << refusal<T>(text)

click sample() {
  click c;
  c.user = "ada \"the\" \\ first\n\t\x01 \xc3\xa9";
  c.count = -3;
  c.where = place{0.1, 2.5F};
  c.tags = {"x", ""};
  c.scores = {{"a", {1, 2}}, {"b", {}}};
  c.at = std::chrono::sys_days{std::chrono::year{2024} / 5 / 1} + 12h + 30min + 250ms;
  c.took = 20ms;
  c.member = true;
  c.paint = color::green;
  c.small = 255;
  c.letter = 'z';
  return c;
}

TEST(Json, a_row_prints_and_reads_back) {
  const std::string text = json::text(sample());
  EXPECT_EQ(
      text,
      "{\"user\":\"ada \\\"the\\\" \\\\ first\\n\\t\\u0001 \xc3\xa9\",\"count\":-3,"
      "\"where\":{\"x\":0.1,\"y\":2.5},\"tags\":[\"x\",\"\"],\"scores\":{\"a\":[1,2],\"b\":[]},"
      "\"at\":\"2024-05-01T12:30:00.250Z\",\"took\":\"20ms\",\"member\":true,\"paint\":1,"
      "\"small\":255,\"letter\":\"z\"}");
  EXPECT_EQ(json::parse<click>(text), sample());
  click other;
  EXPECT_EQ(json::parse<click>(json::text(other)), other);
}

TEST(Json, rows_of_every_shape_read_back) {
  const auto again = [](const auto& row) {
    using T = std::decay_t<decltype(row)>;
    const std::string text = json::text(row);
    EXPECT_EQ(json::parse<T>(text), row) << text;
    return text;
  };
  EXPECT_EQ(again(std::pair<std::string, std::int64_t>("a", INT64_MIN)),
            "{\"_1\":\"a\",\"_2\":-9223372036854775808}");
  EXPECT_EQ(again(std::tuple<int, bool, std::string>(1, true, "x")),
            "{\"_1\":1,\"_2\":true,\"_3\":\"x\"}");
  EXPECT_EQ(again(std::vector<std::uint64_t>{0, UINT64_MAX}), "[0,18446744073709551615]");
  EXPECT_EQ(again(std::vector<std::vector<int>>{{}, {1}, {}}), "[[],[1],[]]");
  EXPECT_EQ(again(std::vector<bool>{true, false}), "[true,false]");
  EXPECT_EQ(again(std::array<int, 2>{1, 2}), "[1,2]");
  EXPECT_EQ(again(std::map<int, std::string>{{-1, "x"}}), "{\"-1\":\"x\"}");
  EXPECT_EQ(again(std::set<std::string>{"b", "a"}), "[\"a\",\"b\"]");
  EXPECT_EQ(again(7), "7");
  EXPECT_EQ(again(std::string("text")), "\"text\"");
  EXPECT_EQ(again(std::optional<int>{}), "null");
  EXPECT_EQ(again(std::optional<std::vector<int>>{std::vector<int>{1}}), "[1]");
  EXPECT_EQ(again(std::numeric_limits<double>::infinity()), "\"inf\"");
  EXPECT_EQ(again(-std::numeric_limits<double>::infinity()), "\"-inf\"");
  EXPECT_TRUE(std::isnan(json::parse<float>(json::text(std::nanf("")))));
  using either = std::variant<double, int, std::string, std::vector<int>, place>;
  for (const either& one :
       {either(1.5), either(2), either("x"), either(std::vector<int>{3}), either(place{1, 2})})
    again(one);
  EXPECT_EQ(json::parse<either>("2").index(), 1U);
}

TEST(Json, fields_may_come_in_any_order_and_others_are_skipped) {
  const auto p = json::parse<place>(R"( {"z": {"a": [1, {"b": null}]}, "y": 2, "x": 1e1} )");
  EXPECT_EQ(p, (place{10, 2}));
  EXPECT_TRUE(contains(refusal<place>(R"({"x":1,"y":2,"z":3})", {.extra = extra_fields::fail}),
                       "no field of the row has this name: \"z\""));
}

TEST(Json, a_field_that_is_missing_is_refused_or_keeps_what_the_type_gives_it) {
  EXPECT_REFUSED(click, R"({"user":"x"})", "this field is missing", "\"count\"");
  const auto c = json::parse<click>(R"({"user":"x"})", {.missing = missing_fields::keep_default});
  EXPECT_EQ(c.count, 7);
  struct some {
    std::optional<int> a;
    std::optional<std::string> b;
  };
  const auto s = json::parse<some>(R"({"b":null})");
  EXPECT_FALSE(s.a || s.b);
}

TEST(Json, what_does_not_fit_is_refused_with_its_field_and_place) {
  EXPECT_REFUSED(place, R"({"x": "1", "y": 2})", "must be a number", "\"x\"", "at byte 7");
  EXPECT_REFUSED(place, R"({"x": 1, "y": 1e39})", "out of range", "\"y\"");
  EXPECT_REFUSED(place, R"({"x": 1e999, "y": 1})", "out of range", "\"x\"");
  EXPECT_REFUSED(place, R"({"x": null, "y": 1})", "must be a number", "\"x\"");
  EXPECT_REFUSED(place, R"({"x": 1, "x": 2, "y": 3})", "twice", "\"x\"");
  EXPECT_REFUSED(place, "[1, 2]", "must be an object");
  EXPECT_REFUSED(place, "3", "must be an object");
  EXPECT_REFUSED(std::vector<int>, "[1, 2147483648]", "out of range", "\"[1]\"", "2147483648");
  EXPECT_REFUSED(std::vector<int>, "[1.0]", "must be an integer");
  EXPECT_REFUSED(std::vector<int>, "[99999999999999999999999]", "out of range");
  EXPECT_REFUSED(std::vector<unsigned>, "[-1]", "out of range");
  EXPECT_REFUSED(std::vector<std::uint8_t>, "[256]", "out of range");
  EXPECT_REFUSED(std::vector<int>, "[01]", "JSON");
  EXPECT_REFUSED(std::vector<std::string>, "[1]", "must be text");
  EXPECT_REFUSED(std::vector<bool>, "[1]", "must be true or false");
  EXPECT_REFUSED(std::vector<char>, R"(["ab"])", "one character");
  using two = std::array<int, 2>;
  EXPECT_REFUSED(two, "[1]", "1");
  using by_name = std::map<std::string, std::vector<place>>;
  EXPECT_REFUSED(by_name, R"({"a": [{"x":1,"y":1}, {"x":1,"y":true}]})", "\"a[1].y\"");
  using numbered = std::map<int, int>;
  EXPECT_REFUSED(numbered, R"({"a": 1})", "no integer", "\"a\"");
  using either = std::variant<int, std::string>;
  EXPECT_REFUSED(std::vector<either>, "[true]", "no alternative");
}

TEST(Json, what_is_no_JSON_is_refused) {
  for (const char* text :
       {"", " ", "{", "}", "{\"x\":1,\"y\":2", "{\"x\":1,\"y\":2}}", "{\"x\":1,\"y\":2} x",
        "{\"x\":1 \"y\":2}", "{\"x\" 1,\"y\":2}", "{x:1,y:2}", "{\"x\":1,\"y\":2,}", "nul",
        "{\"x\":1,\"y\":.5}", "{\"x\":+1,\"y\":5}", "{\"x\":1,\"y\":2}{\"x\":1,\"y\":2}", "[", "]"})
    EXPECT_TRUE(contains(refusal<place>(text), "JSON")) << text << ": " << refusal<place>(text);
  for (const char* text : {"[1,2", "[1 2]", "[1,,2]", "[1,]", "[,1]", "[1]]", "[1],"})
    EXPECT_TRUE(contains(refusal<std::vector<int>>(text), "JSON"))
        << text << ": " << refusal<std::vector<int>>(text);
  for (const char* text : {"", "1,2", "1 2", "]", "[", "1]", "x"})
    EXPECT_TRUE(contains(refusal<int>(text), "JSON")) << text << ": " << refusal<int>(text);
  for (const char* text : {"[\"\xff\"]", "[\"\xc0\x80\"]", "[\"\xed\xa0\x80\"]", "[\"\x01\"]",
                           "[\"\\q\"]", "[\"\\ud800\"]", "[\"a]"})
    EXPECT_TRUE(contains(refusal<std::vector<std::string>>(text), "JSON")) << text;
}

TEST(Json, every_end_too_early_of_a_row_is_refused) {
  const std::string whole = json::text(sample());
  for (std::size_t i = 0; i < whole.size(); ++i)
    EXPECT_TRUE(contains(refusal<click>(whole.substr(0, i)), "JSON")) << whole.substr(0, i);
}

TEST(Json, text_that_is_not_UTF_8_is_not_written) {
  try {
    (void)json::text(std::pair<std::string, int>("\xff", 1));
    FAIL();
  } catch (const error& e) {
    EXPECT_TRUE(contains(e.what(), "not UTF-8")) << e.what();
    EXPECT_TRUE(contains(e.what(), "_1")) << e.what();
  }
}

TEST(Json, times_are_read_in_the_forms_of_ISO_8601) {
  using moment = std::chrono::sys_time<std::chrono::milliseconds>;
  const auto parse = [](const std::string& text) { return json::parse<moment>(json::text(text)); };
  const moment noon = std::chrono::sys_days{std::chrono::year{2024} / 2 / 29} + 12h;
  for (const char* text :
       {"2024-02-29T12:00:00Z", "2024-02-29 12:00", "2024-02-29T14:00:00+02:00",
        "2024-02-29T07:30:00.000-0430", "2024-02-29T12:00:00.0000009Z", "2024-02-29T13:00+01"})
    EXPECT_EQ(parse(text), noon) << text;
  EXPECT_EQ(parse("2024-02-29"), noon - 12h);
  EXPECT_EQ(parse("1969-12-31T23:59:59.9999Z"), moment(-1ms));
  for (const char* text : {"", "2023-02-29", "2024-02-29T25:00", "2024-02-29T12:00:60Z", "noon",
                           "2024-02-29T12:00:00Z ", "2024-2-29", "2024-02-29T12:00:00+99:00"})
    EXPECT_TRUE(contains(refusal<moment>(json::text(std::string(text))), "ISO 8601")) << text;
  EXPECT_EQ(json::parse<std::chrono::seconds>("\"-5s\""), -5s);
  EXPECT_TRUE(contains(refusal<std::chrono::seconds>("\"5h\""), "unit"));
}

}  // namespace
}  // namespace millrace
