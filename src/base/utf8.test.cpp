#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace millrace::detail {
namespace {

std::string encode(unsigned point) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (point >> shift & 0x3f)); };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xc0 | point >> 6), tail(0)};
  if (point < 0x10000) return {static_cast<char>(0xe0 | point >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | point >> 18), tail(12), tail(6), tail(0)};
}

TEST(Utf8, EveryCodePoint) {
  for (unsigned point = 0; point < 0x110000; ++point) {
    const std::string text = encode(point);
    const bool surrogate = point >= 0xd800 && point < 0xe000;
    ASSERT_EQ(utf8_length(text), surrogate ? 0 : text.size()) << point;
    ASSERT_EQ(utf8_length(text + "x"), surrogate ? 0 : text.size()) << point;
  }
}

TEST(Utf8, CutShort) {
  for (const unsigned point : {0x80U, 0x7ffU, 0x800U, 0xffffU, 0x10000U, 0x10ffffU}) {
    const std::string text = encode(point);
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
      EXPECT_EQ(utf8_length(std::string_view{text}.substr(0, cut)), 0U);
      EXPECT_EQ(utf8_length(text.substr(0, cut) + "x"), cut == 0 ? 1U : 0U);
    }
  }
}

TEST(Utf8, WhatIsNone) {
  for (const char* bytes : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf",
                            "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(utf8_length(bytes), 0U) << bytes;
  }
}

}  // namespace
}  // namespace millrace::detail
