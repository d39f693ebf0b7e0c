#include "streaming/receiving/joined_lines.hpp"

#include <gtest/gtest.h>

#include <string>

namespace millrace::detail {
namespace {

std::string all_of(std::vector<text_block> blocks) {
  std::string all;
  for (const text_block& block : blocks) all += block.text;
  return all;
}

TEST(JoinedLines, lines_stay_apart) {
  joined_lines lines;
  lines.add("a\n");
  lines.add("b\r\n");
  lines.add("c\r");
  lines.add("\nd");  // an empty line, and one without an end
  lines.add("e\r");
  lines.add("f\n");
  EXPECT_EQ(lines.bytes(), 15U);
  const auto blocks = lines.take();
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0].text, "a\nb\r\nc\r\n\nd\ne\rf\n");
  EXPECT_EQ(count_lines(blocks[0].text), 7);
  EXPECT_TRUE(lines.take().empty());
}

TEST(JoinedLines, blocks_are_full_and_no_line_is_torn) {
  joined_lines lines;
  std::string expected;
  std::vector<text_block> blocks;
  for (int i = 0; i < 300'000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    lines.add(line);
    expected += line;
    if (lines.full() || i % 50'000 == 0)
      for (text_block& block : lines.take()) blocks.push_back(std::move(block));
  }
  for (text_block& block : lines.take()) blocks.push_back(std::move(block));
  const std::string large(2 * line_buffer::block_bytes, 'x');
  lines.add(large + "\n");
  for (text_block& block : lines.take()) blocks.push_back(std::move(block));
  for (const text_block& block : blocks) EXPECT_TRUE(block.text.ends_with('\n'));
  EXPECT_LT(blocks.size(), 15U);
  EXPECT_EQ(all_of(std::move(blocks)), expected + large + "\n");
}

}  // namespace
}  // namespace millrace::detail
