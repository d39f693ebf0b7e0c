// The text form of rows: print, save_as_text_file and messages.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>

#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;

struct click {
  std::string user;
  int n;
  std::optional<double> seconds;
};
enum class level { low, high };

template <class T>
void expect_text(const T& row, const std::string& text) {
  std::string out = "before ";
  print_row(row_type_of<T>(), &row, out);
  EXPECT_EQ(out, "before " + text) << row_type_of<T>().name;
}

TEST(RowText, Numbers) {
  expect_text(0, "0");
  expect_text(-7, "-7");
  expect_text(std::int8_t{-128}, "-128");
  expect_text(std::uint8_t{200}, "200");
  expect_text(std::int16_t{-300}, "-300");
  expect_text(std::uint16_t{65535}, "65535");
  expect_text(std::uint32_t{4294967295}, "4294967295");
  expect_text(std::numeric_limits<std::int64_t>::min(), "-9223372036854775808");
  expect_text(std::numeric_limits<std::uint64_t>::max(), "18446744073709551615");
  expect_text(true, "true");
  expect_text(false, "false");
  expect_text('c', "c");
  expect_text(level::high, "1");
}

TEST(RowText, FloatingIsTheShortestThatReadsBack) {
  expect_text(1.0, "1.0");
  expect_text(-0.5, "-0.5");
  expect_text(0.1, "0.1");
  expect_text(0.1F, "0.1");
  expect_text(1.0L, "1.0");
  expect_text(-0.0, "-0.0");
  expect_text(100.0, "100.0");
  expect_text(1e300, "1e+300");
  expect_text(1.0 / 3, "0.3333333333333333");
  expect_text(std::nan(""), "nan");
  expect_text(-std::nan(""), "nan");
  expect_text(std::numeric_limits<double>::infinity(), "inf");
  expect_text(-std::numeric_limits<float>::infinity(), "-inf");
}

TEST(RowText, TextIsBare) {
  expect_text(std::string(), "");
  expect_text(std::string("a \"b\"\n"), "a \"b\"\n");
  expect_text(std::string_view("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(RowText, Compounds) {
  expect_text(std::pair<std::string, int>("a", 1), "(a,1)");
  expect_text(std::tuple(1, std::string("b"), 2.0), "(1,b,2.0)");
  expect_text(std::tuple<>(), "()");
  expect_text(std::pair(std::pair(1, 2), 3), "((1,2),3)");
  expect_text(std::vector<int>{}, "[]");
  expect_text(std::vector<int>{1, 2}, "[1, 2]");
  expect_text(std::vector<bool>{true, false}, "[true, false]");
  expect_text(std::vector<std::vector<int>>{{}, {1}}, "[[], [1]]");
  expect_text(std::array<int, 2>{1, 2}, "[1, 2]");
  expect_text(std::set<std::string>{"b", "a"}, "[a, b]");
  expect_text(std::map<std::string, int>{}, "{}");
  expect_text(std::map<std::string, int>{{"a", 1}, {"b", 2}}, "{a: 1, b: 2}");
  expect_text(std::unordered_map<int, std::vector<int>>{{1, {2, 3}}}, "{1: [2, 3]}");
  expect_text(std::optional<int>(), "none");
  expect_text(std::optional<int>(5), "5");
  expect_text(std::variant<int, std::string>("x"), "x");
  expect_text(click{"ann", 2, {}}, "{ann, 2, none}");
  expect_text(std::pair(1, click{"bob", 3, 1.0}), "(1,{bob, 3, 1.0})");
}

TEST(RowText, Times) {
  using std::chrono::sys_days;
  using std::chrono::sys_time;
  using namespace std::chrono;
  expect_text(sys_time<seconds>(1700000000s), "2023-11-14T22:13:20Z");
  expect_text(sys_time<milliseconds>(1700000000123ms), "2023-11-14T22:13:20.123Z");
  expect_text(sys_time<microseconds>(1us), "1970-01-01T00:00:00.000001Z");
  expect_text(sys_time<nanoseconds>(-1ns), "1969-12-31T23:59:59.999999999Z");
  expect_text(sys_time<milliseconds>(-1ms), "1969-12-31T23:59:59.999Z");
  expect_text(sys_time<minutes>(1min), "1970-01-01T00:01:00Z");
  expect_text(sys_days(2000y / 2 / 29), "2000-02-29T00:00:00Z");
  expect_text(sys_time<duration<double>>(1.5s), "1970-01-01T00:00:01.500000Z");
  // A clock that counts from the start of the machine has no dates.
  expect_text(std::chrono::steady_clock::time_point(90s), "90000000000ns");
  expect_text(sys_time<seconds>::max(), "9223372036854775807s since 1970");
  expect_text(sys_time<hours>(hours(5'000'000'000)), "18000000000000s since 1970");
  expect_text(-5ms, "-5ms");
  expect_text(5us, "5us");
  expect_text(7ns, "7ns");
  expect_text(7s, "7s");
  expect_text(2min, "2min");
  expect_text(3h, "3h");
  expect_text(days(4), "4d");
  expect_text(duration<double>(1.5), "1.5s");
  expect_text(duration<int, std::ratio<1, 50>>(3), "3[1/50]s");
  expect_text(nanoseconds::max(), "9223372036854775807ns");
}

}  // namespace
}  // namespace millrace::detail
