#include "streaming/receiving/line_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

namespace millrace::detail {
namespace {

using lines = std::vector<std::string>;

/// What a reader makes of a block of whole lines, on its own.
void append_lines(std::string_view text, lines& to) {
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && text[end] != '\n' && text[end] != '\r') ++end;
    to.emplace_back(text.substr(i, end - i));
    if (end < text.size() && text[end] == '\r' && end + 1 < text.size() && text[end + 1] == '\n')
      ++end;
    i = end + 1;
  }
}

class feeder {
 public:
  explicit feeder(std::size_t longest) : buffer(longest) {}

  void feed(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto room = buffer.room();
      const std::size_t n = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), n);
      buffer.received(n);
      bytes.remove_prefix(n);
      if (buffer.full()) take();
    }
  }
  void take() {
    for (text_block& block : buffer.take()) {
      EXPECT_FALSE(block.text.empty());
      blocks.push_back(std::move(block));
    }
  }
  /// All lines so far. Every block is looked at again, with the bytes after it: nothing may have
  /// been written there since.
  lines read() {
    lines all;
    unsigned readable = 0;
    for (const text_block& block : blocks) {
      append_lines(block.text, all);
      for (std::size_t i = 0; i < line_buffer::readable_after; ++i)
        readable += static_cast<unsigned char>(block.text.data()[block.text.size() + i]) != 0;
    }
    EXPECT_LE(readable, blocks.size() * line_buffer::readable_after);
    return all;
  }

  line_buffer buffer;
  std::vector<text_block> blocks;
};

TEST(LineBuffer, every_line_end_torn_at_every_position) {
  const std::string text = "one\ntwo\r\nthree\rfour\n\nfive\r\r\nsix\r\n\r\nlast";
  const lines expected{"one", "two", "three", "four", "", "five", "", "six", "", "last"};
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      for (const bool take : {false, true}) {
        feeder f(100);
        f.feed(text.substr(0, first));
        if (take) f.take();
        f.feed(text.substr(first, second - first));
        if (take) f.take();
        f.feed(text.substr(second));
        f.buffer.end(true);
        f.take();
        ASSERT_EQ(f.read(), expected) << first << " " << second << " " << take;
      }
    }
  }
}

TEST(LineBuffer, a_byte_at_a_time_with_a_block_after_each) {
  feeder f(100);
  for (const char c : std::string_view("a\r\nb\rc\n\r\n\n")) {
    f.feed({&c, 1});
    f.take();
  }
  EXPECT_EQ(f.read(), (lines{"a", "b", "c", "", ""}));
}

TEST(LineBuffer, a_piece_of_a_line_waits_for_its_end) {
  feeder f(100);
  f.feed("whole\npie");
  f.take();
  EXPECT_EQ(f.read(), (lines{"whole"}));
  EXPECT_FALSE(f.buffer.has_lines());
  f.feed("ce\n");
  f.take();
  EXPECT_EQ(f.read(), (lines{"whole", "piece"}));
}

TEST(LineBuffer, the_end_makes_a_line_or_drops_it) {
  feeder f(100);
  f.feed("a\nb");
  f.buffer.end(true);
  f.feed("\nc\nd");  // another stream: its first line is empty
  f.buffer.end(false);
  f.feed("e\n");
  f.take();
  EXPECT_EQ(f.read(), (lines{"a", "b", "", "c", "e"}));
}

TEST(LineBuffer, lines_that_are_too_long_are_left_out_and_counted) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    const std::string text = "short" + end + std::string(11, 'x') + end + "tenletters" + end +
                             std::string(50, 'y') + end + "b" + end;
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      for (const bool take : {false, true}) {
        feeder f(10);
        f.feed(text.substr(0, cut));
        if (take) f.take();
        f.feed(text.substr(cut));
        f.take();
        ASSERT_EQ(f.read(), (lines{"short", "tenletters", "b"})) << cut << " " << take;
        const auto left_out = f.buffer.take_too_long();
        ASSERT_EQ(left_out.size(), 2U) << cut;
        EXPECT_EQ(left_out[0].bytes, std::string(10, 'x'));
        EXPECT_EQ(left_out[0].offset, text.find('x'));
        EXPECT_EQ(left_out[1].bytes, std::string(10, 'y'));
        EXPECT_EQ(left_out[1].offset, text.find('y')) << cut << " " << take;
        ASSERT_TRUE(f.buffer.take_too_long().empty());
      }
    }
  }
}

TEST(LineBuffer, a_long_line_that_never_ends_needs_no_memory) {
  feeder f(1000);
  const std::string much(100'000, 'x');
  for (int i = 0; i < 1000; ++i) f.feed(much);
  f.feed("\nafter\n");
  f.take();
  EXPECT_EQ(f.read(), (lines{"after"}));
  const auto left_out = f.buffer.take_too_long();
  ASSERT_EQ(left_out.size(), 1U);
  EXPECT_EQ(left_out[0].bytes.size(), 1000U);
}

TEST(LineBuffer, a_line_longer_than_a_block) {
  const std::string line(3 * line_buffer::block_bytes, 'z');
  feeder f(4 * line_buffer::block_bytes);
  f.feed("a\n" + line + "\nb\n");
  f.take();
  EXPECT_EQ(f.read(), (lines{"a", line, "b"}));
  EXPECT_TRUE(f.buffer.take_too_long().empty());
}

TEST(LineBuffer, random_text_in_random_pieces) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    lines expected;
    const std::size_t longest = 1 + random() % 200;
    std::vector<std::uint64_t> too_long;
    for (int i = 0; i < 3000; ++i) {
      const std::string line(random() % 40 == 0 ? random() % 400 : random() % 20,
                             static_cast<char>('a' + i % 26));
      const char* const ends[] = {"\n", "\r\n", "\r"};
      std::string end = ends[random() % 3];
      // An empty line after a lone "\r" would make it "\r\n".
      if (line.empty() && !text.empty() && text.back() == '\r' && end == "\n") end = "\r\n";
      if (line.size() <= longest) expected.push_back(line);
      else too_long.push_back(text.size());
      text += line + end;
    }
    feeder f(longest);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t n = std::min<std::size_t>(text.size() - at, 1 + random() % 3000);
      f.feed(std::string_view(text).substr(at, n));
      if (random() % 3 == 0) f.take();
      at += n;
    }
    f.take();
    ASSERT_EQ(f.read(), expected) << round;
    std::vector<std::uint64_t> left_out;
    for (const auto& line : f.buffer.take_too_long()) {
      left_out.push_back(line.offset);
      ASSERT_EQ(line.bytes, text.substr(static_cast<std::size_t>(line.offset), longest));
    }
    ASSERT_EQ(left_out, too_long);
  }
}

TEST(CountLines, counts_what_a_reader_sees) {
  for (const char* text :
       {"", "a", "a\n", "\n", "\r\n", "a\r\nb", "\r\r\n\n", "a\rb\rc", "x\ny\r"}) {
    lines read;
    append_lines(text, read);
    EXPECT_EQ(count_lines(text), static_cast<std::int64_t>(read.size())) << text;
  }
}

}  // namespace
}  // namespace millrace::detail
