#include "storage/compression.hpp"

#include <gtest/gtest.h>

#include <string>

#include "millrace/error.hpp"
#include "storage/memory_file.test.hpp"

namespace millrace::detail {
namespace {

/// Keeps what a file that is gone was given.
class kept_output final : public output_file {
 public:
  explicit kept_output(std::string& to) : to_(to) {}
  void write(std::string_view bytes) override { to_ += bytes; }
  void sync() override {}
  void close() override {}

 private:
  std::string& to_;
};

std::string pack(compression kind, const std::string& text, bool in_two = false) {
  std::string bytes;
  const auto file = compressed(std::make_unique<kept_output>(bytes), kind);
  const std::size_t half = in_two ? text.size() / 2 : text.size();
  file->write(std::string_view(text).substr(0, half));
  if (in_two) file->sync();
  file->write(std::string_view(text).substr(half));
  file->sync();
  file->close();
  return bytes;
}

std::string unpack(compression kind, const std::string& bytes, std::size_t piece = 1000) {
  const auto file = decompressed(std::make_unique<memory_input>(bytes), kind);
  std::string text;
  std::string part(piece, '\0');
  for (;;) {
    const std::size_t got = file->read_at(text.size(), part.data(), piece);
    text.append(part, 0, got);
    if (got < piece) return text;
  }
}

std::string refusal(compression kind, const std::string& bytes) {
  try {
    (void)unpack(kind, bytes);
  } catch (const error& e) {
    return e.what();
  }
  return {};
}

/// Not so regular that a member is a few bytes.
std::string some_text(std::size_t size) {
  std::string text;
  std::uint64_t state = 1;
  while (text.size() < size) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    text += std::to_string(state >> 40) + (state % 7 == 0 ? "\n" : " ");
  }
  text.resize(size);
  return text;
}

class Compression : public ::testing::TestWithParam<compression> {};

TEST_P(Compression, WhatIsWrittenIsRead) {
  for (const std::size_t size : {0, 1, 999, 1000, 1001, 70'000, 3'000'000}) {
    const std::string text = some_text(size);
    EXPECT_EQ(unpack(GetParam(), pack(GetParam(), text)), text) << size;
    EXPECT_EQ(unpack(GetParam(), pack(GetParam(), text), 1 << 20), text) << size;
    EXPECT_EQ(unpack(GetParam(), pack(GetParam(), text, true)), text) << size;
  }
  EXPECT_EQ(unpack(GetParam(), pack(GetParam(), std::string(5'000'000, 'x'))),
            std::string(5'000'000, 'x'));
}

TEST_P(Compression, MembersOneAfterAnotherAreOneText) {
  const std::string one = pack(GetParam(), "one\n");
  EXPECT_EQ(unpack(GetParam(), one + pack(GetParam(), "") + one), "one\none\n");
  EXPECT_EQ(unpack(GetParam(), ""), "");
  EXPECT_NE(pack(GetParam(), ""), "");  // other programs want a member
}

TEST_P(Compression, AFileThatIsTooShortIsAnError) {
  const std::string whole = pack(GetParam(), some_text(5'000));
  for (std::size_t n = 1; n < whole.size(); n += n < 50 ? 1 : 37)
    EXPECT_NE(refusal(GetParam(), whole.substr(0, n)), "") << n;
}

TEST_P(Compression, ADamagedFileIsAnErrorThatNamesIt) {
  const std::string whole = pack(GetParam(), some_text(5'000));
  EXPECT_NE(refusal(GetParam(), "this was never compressed").find("\"memory\""), std::string::npos);
  std::string damaged = whole;
  damaged[whole.size() / 2] ^= 0x55;
  EXPECT_NE(
      refusal(GetParam(), damaged).find("\"memory\" before offset " + std::to_string(whole.size())),
      std::string::npos)
      << refusal(GetParam(), damaged);
  EXPECT_NE(refusal(GetParam(), whole + "something else behind it"), "");
}

TEST_P(Compression, OnlyForwards) {
  const auto file =
      decompressed(std::make_unique<memory_input>(pack(GetParam(), "text")), GetParam());
  EXPECT_THROW((void)file->size(), error);
  char byte = 0;
  EXPECT_EQ(file->read_at(0, &byte, 1), 1U);
  EXPECT_THROW((void)file->read_at(0, &byte, 1), error);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Compression,
                         ::testing::Values(compression::gzip, compression::zstd, compression::lz4,
                                           compression::bzip2));

TEST(CompressionNames, OfFilesAndCodecs) {
  EXPECT_EQ(compression_of("a/b.gz"), compression::gzip);
  EXPECT_EQ(compression_of("b.zst"), compression::zstd);
  EXPECT_EQ(compression_of("b.lz4"), compression::lz4);
  EXPECT_EQ(compression_of("b.bz2"), compression::bzip2);
  EXPECT_EQ(compression_of("b.gz.txt"), compression::none);
  EXPECT_EQ(compression_named("gzip"), compression::gzip);
  EXPECT_EQ(compression_named("ZSTD"), compression::zstd);
  EXPECT_EQ(compression_named("org.apache.hadoop.io.compress.BZip2Codec"), compression::bzip2);
  EXPECT_EQ(compression_named("none"), compression::none);
  EXPECT_EQ(extension_of(compression::lz4), ".lz4");
  EXPECT_EQ(extension_of(compression::none), "");
  try {
    (void)compression_named("snappy");
    FAIL();
  } catch (const usage_error& e) {
    EXPECT_STREQ(e.what(),
                 "there is no such codec; there are gzip, zstd, lz4, bzip2 and none: \"snappy\"");
  }
}

}  // namespace
}  // namespace millrace::detail
