#include "millrace/detail/base/bytes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "millrace/error.hpp"

namespace millrace {
namespace {

TEST(Bytes, EveryKindComesBack) {
  byte_writer out;
  out.u8(1);
  out.u16(0x0203);
  out.u32(0x04050607);
  out.u64(0x08090a0b0c0d0e0f);
  out.varint(300);
  out.text("text");
  out.raw("raw", 3);
  out.text("");
  byte_reader in{out.view()};
  EXPECT_EQ(in.u8(), 1);
  EXPECT_EQ(in.u16(), 0x0203);
  EXPECT_EQ(in.u32(), 0x04050607U);
  EXPECT_EQ(in.u64(), 0x08090a0b0c0d0e0fU);
  EXPECT_EQ(in.varint(), 300U);
  EXPECT_EQ(in.text(), "text");
  char raw[3];
  in.raw(raw, 3);
  EXPECT_EQ(std::string(raw, 3), "raw");
  EXPECT_EQ(in.text(), "");
  EXPECT_EQ(in.remaining(), 0U);
  EXPECT_EQ(in.offset(), out.size());
}

TEST(Bytes, IntegersAreLittleEndian) {
  byte_writer out;
  out.u32(0x01020304);
  EXPECT_EQ(out.view(), std::string_view("\x04\x03\x02\x01", 4));
}

TEST(Bytes, VarintOfEveryLength) {
  for (int bits = 0; bits <= 64; ++bits) {
    for (const std::uint64_t off : {0, 1}) {
      const std::uint64_t value = (bits == 64 ? 0 : std::uint64_t{1} << bits) - off;
      byte_writer out;
      out.varint(value);
      byte_reader in{out.view()};
      EXPECT_EQ(in.varint(), value);
      EXPECT_EQ(in.remaining(), 0U);
      for (std::size_t cut = 0; cut < out.size(); ++cut) {
        byte_reader shorter{out.view().substr(0, cut)};
        EXPECT_THROW((void)shorter.varint(), error);
        EXPECT_EQ(shorter.offset(), 0U);
      }
    }
  }
}

TEST(Bytes, VarintOfMoreThan64BitsIsRefused) {
  for (const char last : {'\x02', '\x7f', '\x80'}) {
    std::string bytes(9, '\xff');
    bytes += last;
    bytes += '\0';
    byte_reader in{bytes};
    EXPECT_THROW((void)in.varint(), error);
    EXPECT_EQ(in.offset(), 0U);
  }
}

TEST(Bytes, NothingIsReadPastTheEnd) {
  const char bytes[3] = {1, 2, 3};
  byte_reader in{bytes, 3};
  char to[4];
  EXPECT_THROW((void)in.u32(), error);
  EXPECT_THROW((void)in.u64(), error);
  EXPECT_THROW(in.raw(to, 4), error);
  EXPECT_THROW(in.skip(4), error);
  EXPECT_EQ(in.remaining(), 3U);
  in.skip(1);
  EXPECT_EQ(in.u16(), 0x0302);
  EXPECT_THROW((void)in.u8(), error);
  byte_reader none{nullptr, 0};
  none.raw(to, 0);
  EXPECT_THROW((void)none.varint(), error);
}

TEST(Bytes, ATextsLengthIsNotTrusted) {
  byte_writer out;
  out.u8(9);
  out.varint(UINT64_MAX);
  out.raw("abc", 3);
  byte_reader in{out.view()};
  in.skip(1);
  try {
    (void)in.text();
    FAIL();
  } catch (const error& e) {
    EXPECT_NE(std::string{e.what()}.find("offset 1"), std::string::npos) << e.what();
  }
  EXPECT_EQ(in.offset(), 1U);
  EXPECT_EQ(in.remaining(), out.size() - 1);
}

TEST(Bytes, WriterGrowsKeepsAndMoves) {
  byte_writer out;
  std::string expected;
  for (int i = 0; i < 10000; ++i) {
    out.u8(static_cast<std::uint8_t>(i));
    expected += static_cast<char>(i);
  }
  EXPECT_EQ(out.view(), expected);
  byte_writer taken{std::move(out)};
  EXPECT_EQ(taken.view(), expected);
  byte_writer other;
  other.u8(1);
  other = std::move(taken);
  EXPECT_EQ(other.view(), expected);
  other.truncate(2);
  EXPECT_EQ(other.size(), 2U);
  other.clear();
  EXPECT_EQ(other.view(), "");
  other.reserve(100000);
  other.raw(nullptr, 0);
  other.text("again");
  EXPECT_EQ(other.view(),
            "\x05"
            "again");
}

TEST(Bytes, AskingForTooMuchIsBadAlloc) {
  byte_writer out;
  out.u8(1);
  EXPECT_THROW(out.reserve(SIZE_MAX), std::bad_alloc);
  EXPECT_EQ(out.size(), 1U);
}

}  // namespace
}  // namespace millrace
