#include "millrace/detail/storage/text_blocks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

using lines = std::vector<std::string>;

/// A file in memory, of exactly its bytes.
class text final : public input_file {
 public:
  explicit text(std::string bytes) : bytes_{std::move(bytes)} {}
  [[nodiscard]] std::size_t read_at(std::uint64_t offset, void* to, std::size_t count) override {
    if (offset >= bytes_.size()) return 0;
    const std::size_t got = std::min(count, bytes_.size() - offset);
    std::memcpy(to, bytes_.data() + offset, got);
    return got;
  }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] const std::string& path() const override { return path_; }

 private:
  std::string bytes_;
  std::string path_ = "a/text";
};

struct line_at {
  std::size_t offset;
  std::string bytes;  // with its end
};

/// The definition, byte by byte.
std::vector<line_at> lines_of(const std::string& bytes) {
  std::vector<line_at> all;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool pair = bytes[i] == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n';
    if (pair) ++i;
    if (bytes[i] == '\n' || bytes[i] == '\r' || i + 1 == bytes.size()) {
      all.push_back({begin, bytes.substr(begin, i + 1 - begin)});
      begin = i + 1;
    }
  }
  return all;
}

std::string expected(const std::string& bytes, std::uint64_t begin, std::uint64_t end) {
  std::string all;
  for (const line_at& line : lines_of(bytes)) {
    if (line.offset >= begin && line.offset < end) all += line.bytes;
  }
  return all;
}

/// What the reader gives, after checking each block for what every block promises.
std::string read(const std::string& bytes, std::uint64_t begin, std::uint64_t end,
                 text_block_reader::options options = {}) {
  text_block_reader reader{std::make_unique<text>(bytes), begin, end, options};
  std::string all;
  std::string_view block;
  while (reader.next(block)) {
    EXPECT_FALSE(block.empty());
    EXPECT_EQ(bytes.substr(reader.block_offset(), block.size()), block);
    const std::size_t after = reader.block_offset() + block.size();
    const bool torn = block.back() == '\r' && after < bytes.size() && bytes[after] == '\n';
    const bool whole = block.back() == '\n' || block.back() == '\r' || after == bytes.size();
    EXPECT_TRUE(whole && !torn);
    // Reads them all: an address sanitizer would object.
    unsigned sum = 0;
    for (std::size_t i = 0; i < text_block_reader::readable_after; ++i) {
      sum += static_cast<unsigned char>(block.data()[block.size() + i]);
    }
    EXPECT_LE(sum, 255 * text_block_reader::readable_after);
    all += block;
  }
  EXPECT_FALSE(reader.next(block));
  return all;
}

/// Every text of `length` characters out of these four; all ways in which line ends can meet.
std::vector<std::string> texts_of(std::size_t length) {
  std::vector<std::string> all{""};
  for (std::size_t i = 0; i < length; ++i) {
    std::vector<std::string> longer;
    for (const std::string& text : all) {
      for (const char c : {'a', '\n', '\r'}) longer.push_back(text + c);
    }
    all = std::move(longer);
  }
  return all;
}

TEST(TextBlocks, EverySplitOfEveryShortText) {
  for (std::size_t length = 0; length <= 7; ++length) {
    for (const std::string& bytes : texts_of(length)) {
      for (std::uint64_t begin = 0; begin <= length; ++begin) {
        for (std::uint64_t end = begin; end <= length; ++end) {
          ASSERT_EQ(read(bytes, begin, end), expected(bytes, begin, end))
              << testing::PrintToString(bytes) << " [" << begin << ", " << end << ")";
        }
      }
    }
  }
}

TEST(TextBlocks, EverySplitOfLongerTextsInSmallBlocks) {
  std::vector<std::string> samples;
  for (const char* end : {"\n", "\r\n", "\r"}) {
    std::string bytes;
    for (const std::size_t length : {3, 0, 0, 14, 15, 16, 17, 1, 30, 31, 32, 33, 0, 5}) {
      bytes += std::string(length, static_cast<char>('a' + length % 26)) + end;
    }
    samples.push_back(bytes);
    samples.push_back(bytes + "without an end");
    samples.push_back(end + bytes);
  }
  samples.push_back(
      "one\ntwo\r\nthree\rfour\n\rfive\r\r\nsix\n\nseven\r\r\n\neight and nine\r\nten\r");
  for (const std::string& bytes : samples) {
    for (const std::size_t block : {16, 17, 24}) {
      const text_block_reader::options options{.block = block, .line_limit = 40};
      for (std::uint64_t begin = 0; begin <= bytes.size(); ++begin) {
        for (std::uint64_t end = begin; end <= bytes.size(); ++end) {
          ASSERT_EQ(read(bytes, begin, end, options), expected(bytes, begin, end))
              << testing::PrintToString(bytes) << " [" << begin << ", " << end << ") by " << block;
        }
      }
    }
  }
}

TEST(TextBlocks, ASplitToTheEndOfTheFile) {
  EXPECT_EQ(read("a\nb", 0, text_block_reader::whole_file), "a\nb");
  EXPECT_EQ(read("a\nb", 1, text_block_reader::whole_file), "b");
  EXPECT_EQ(read("a\nb", 3, text_block_reader::whole_file), "");
  EXPECT_EQ(read("a\nb", 100, text_block_reader::whole_file), "");
  EXPECT_EQ(read("", 0, text_block_reader::whole_file), "");
}

TEST(TextBlocks, TheSplitsOfALargeTextGiveItOnce) {
  std::string bytes;
  for (int i = 0; i < 60000; ++i) {
    bytes += "line " + std::to_string(i * 7919) + (i % 3 == 0 ? "\r\n" : i % 3 == 1 ? "\n" : "\r");
  }
  for (const std::uint64_t step : {100'000, 262'144, 300'001, 5'000'000}) {
    std::string all;
    for (std::uint64_t begin = 0; begin < bytes.size(); begin += step) {
      all += read(bytes, begin, std::min<std::uint64_t>(begin + step, bytes.size()));
    }
    EXPECT_TRUE(all == bytes) << step;
  }
}

TEST(TextBlocks, ALineMayBeAsLongAsTheLimit) {
  const text_block_reader::options options{.block = 16, .line_limit = 100};
  for (const std::string end : {"\n", "\r\n", "\r", ""}) {
    for (const std::string before : {"", "x\n", "xxxxxxxxx\r\nyyyyyyyyyyyyyyyyyyyyyyyyyyy\n"}) {
      for (const std::string after : {"", "z\n", "\r"}) {
        if (end.empty() && !after.empty()) continue;
        if (end == "\r" && after.starts_with('\n')) continue;
        std::string fits = before;
        fits.append(100 - end.size(), 'a').append(end).append(after);
        EXPECT_EQ(read(fits, 0, fits.size(), options), fits);
        std::string exceeds = before;
        exceeds.append(101 - end.size(), 'a').append(end).append(after);
        EXPECT_THROW((void)read(exceeds, 0, exceeds.size(), options), error)
            << testing::PrintToString(exceeds);
      }
    }
  }
}

TEST(TextBlocks, ALineBeyondTheLimitIsNamed) {
  const std::string bytes = "first\n" + std::string(200, 'a') + "\nlast\n";
  const text_block_reader::options options{.block = 16, .line_limit = 100};
  try {
    (void)read(bytes, 0, bytes.size(), options);
    FAIL();
  } catch (const error& e) {
    EXPECT_NE(std::string{e.what()}.find("offset 6 of \"a/text\""), std::string::npos) << e.what();
  }
  // It is the split's before; this one only looks for its end.
  EXPECT_EQ(read(bytes, 7, bytes.size(), options), "last\n");
}

TEST(TextBlocks, AFileThatBecameShorterIsAnError) {
  EXPECT_THROW((void)read("a\nb\n", 0, 5), error);
  EXPECT_THROW((void)read("a\nb\n", 2, 9), error);
  EXPECT_THROW((void)read("", 0, 1), error);
  EXPECT_THROW((void)read("abc", 2, 4), error);
}

TEST(TextBlocks, AByteOrderMarkIsLeftOut) {
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "a\nb\n",
                 0, 7),
            "a\nb\n");
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "a\nb\n",
                 0, 1),
            "a\n");
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "a\nb\n",
                 1, 7),
            "b\n");
  EXPECT_EQ(read("\xef\xbb\xbf", 0, 3), "");
  // A split that ends within the mark, whose line comes by several reads.
  const std::string line = "\xef\xbb\xbf" + std::string(300, 'a') + "\n";
  for (const std::uint64_t end : {1, 2, 3, 4})
    EXPECT_EQ(read(line + "b\n", 0, end, {.block = 8}), line.substr(3)) << end;
  EXPECT_EQ(read("\xef\xbb", 0, 2), "\xef\xbb");
}

}  // namespace
}  // namespace millrace::detail
