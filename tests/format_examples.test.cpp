// The worked examples of docs/formats/: what stands there is what the readers read, or what the
// writers write.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/file/commit_ledger.hpp"
#include "crashing_files.hpp"
#include "kept_state_rig.hpp"
#include "storage/dead_letter_files.hpp"
#include "storage/framed_file.hpp"
#include "storage/memory_file.test.hpp"
#include "streaming/receiving/receiver_log.hpp"
#include "streaming/recovery/checkpoint.hpp"
#include "streaming/recovery/encoded.hpp"

namespace millrace {
namespace {

using namespace detail;
using namespace std::chrono_literals;
using test::crashing_files;

/// The blocks of a page that follow a line with this mark, up to the next.
std::vector<std::string> blocks_of(const std::string& page, std::string_view mark) {
  std::ifstream in(std::string(MILLRACE_TEST_DIRECTORY) + "/../docs/formats/" + page);
  EXPECT_TRUE(in.good()) << page;
  std::vector<std::string> blocks;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      inside = !inside && line == mark;
      if (inside) blocks.emplace_back();
    } else if (inside) {
      blocks.back() += line + "\n";
    }
  }
  return blocks;
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/// The bytes of a dump: pairs of digits after an address, up to what is no pair. Explanations stand
/// behind two blanks or more and a word.
std::string bytes_of(const std::string& dump) {
  std::string bytes;
  std::size_t begin = 0;
  for (std::size_t end = dump.find('\n'); end != std::string::npos;
       begin = end + 1, end = dump.find('\n', begin)) {
    std::string_view line = std::string_view(dump).substr(begin, end - begin);
    if (line.size() > 8 && line.find_first_not_of("0123456789abcdef") == 8)
      line.remove_prefix(line[8] == ':' ? 9 : 8);
    std::size_t on_line = 0;
    for (std::size_t at = 0; at < line.size() && on_line < 16;) {
      if (line[at] == ' ') {
        ++at;
        continue;
      }
      std::size_t digits = at;
      while (digits < line.size() && is_hex(line[digits])) ++digits;
      const bool word = digits < line.size() && line[digits] != ' ';
      if (word || digits == at || (digits - at) % 2 != 0) break;
      for (; at < digits; at += 2, ++on_line)
        bytes += static_cast<char>(std::stoi(std::string(line.substr(at, 2)), nullptr, 16));
    }
  }
  return bytes;
}

TEST(FormatExamples, frames) {
  const std::vector<std::string> blocks = blocks_of("frames.md", "```text");
  ASSERT_EQ(blocks.size(), 1U);
  framed_reader reader(std::make_unique<memory_input>(bytes_of(blocks[0])));
  using row = std::pair<std::string, int>;
  EXPECT_EQ(reader.description(), "rows of " + signature_of(row_type_of<row>()));
  framed_reader::frame frame;
  ASSERT_TRUE(reader.next(frame));
  EXPECT_EQ(frame.records, 2U);
  EXPECT_EQ(frame.payload, encoded(row("to", 2)) + encoded(row("be", 1)));
  EXPECT_FALSE(reader.next(frame));
}

TEST(FormatExamples, dead_letters) {
  crashing_files files;
  files.set({{"mem/file", bytes_of(blocks_of("dead_letters.md", "```text").at(0))}});
  std::vector<dead_letter> letters;
  EXPECT_EQ(read_dead_letters(files, "mem/file",
                              [&](dead_letter&& one) { letters.push_back(std::move(one)); }),
            "");
  dead_letter expected;
  expected.time = std::chrono::sys_time<std::chrono::microseconds>(1'700'000'000s);
  expected.batch_time = std::chrono::sys_time<std::chrono::milliseconds>(1'700'000'000s);
  expected.source = "csv";
  expected.position = "/in/a, line 7";
  expected.reason = "no number";
  expected.bytes = "4,x";
  EXPECT_EQ(letters, std::vector{expected});
}

TEST(FormatExamples, receiver_log) {
  crashing_files files;
  files.set({{"log/received-00000001", bytes_of(blocks_of("receiver_log.md", "```text").at(0))}});
  const receiver_log log({&files, "log", "text"}, 1);
  ASSERT_EQ(log.first(), 1U);
  ASSERT_EQ(log.next(), 3U);
  EXPECT_EQ(log.read(1), std::string("\0to be\nor not\n", 14));
  EXPECT_EQ(log.read(2), std::string("\0to be\n", 7));
}

TEST(FormatExamples, batch_log) {
  const std::vector<std::string> blocks = blocks_of("batch_log.md", "```text");
  ASSERT_EQ(blocks.size(), 2U);
  constexpr std::size_t before = 40;  // a frame's head, and how much was synced
  const std::string log = bytes_of(blocks[0]);
  ASSERT_EQ(log.size(), before + 32 + before + 36);
  const auto head = decode<log_head>(std::string_view(log).substr(before, 32));
  EXPECT_EQ(head.number, 1U);
  EXPECT_EQ(head.epoch, 1U);
  EXPECT_EQ(head.after, 0U);
  const auto begins = decode<log_record>(std::string_view(log).substr(before + 32 + before));
  EXPECT_EQ(begins.what, log_record::kind::batch);
  EXPECT_EQ(begins.batch.time, time_point_ms(1'795'397'061'430ms));
  ASSERT_EQ(begins.batch.ranges.size(), 1U);
  using range = std::pair<std::int64_t, std::int64_t>;
  EXPECT_EQ(decode<range>(begins.batch.ranges[0].value()), range(0, 1));
  EXPECT_EQ(begins.batch.partitions, std::vector{1});
  const auto done = decode<log_record>(std::string_view(bytes_of(blocks[1])).substr(before));
  EXPECT_EQ(done.what, log_record::kind::committed);
  EXPECT_EQ(done.batch.time, begins.batch.time);
}

std::string payloads_of(const std::string& file) {
  framed_reader reader(std::make_unique<memory_input>(file));
  std::string all;
  for (framed_reader::frame one; reader.next(one);) all += one.payload;
  return all;
}

TEST(FormatExamples, state) {
  using row = std::pair<std::string, int>;
  testing::kept_run run(1);
  auto in = run.s.input<row>();
  (void)run.s.collect(in.update_state_by_key<int>(
      [](std::span<const int> values, std::optional<int>) -> std::optional<int> {
        if (values.back() == 0) return std::nullopt;
        return values.back();
      },
      {.partitions = 1, .idle = idle::skip}));
  run.start();
  run.s.feed(in, {{{"ada", 7}, {"bo", 1}}, {{"bo", 0}, {"cy", 2}}});
  run.step();
  const testing::checkpoint_files first = run.checkpoint();
  run.step();
  const testing::checkpoint_files second = run.checkpoint();
  const std::vector<std::string> blocks = blocks_of("state.md", "```text");
  ASSERT_EQ(blocks.size(), 3U);
  const auto& pieces = second.kept.at(0).partitions.at(0);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(payloads_of(first.kept.at(0).partitions.at(0).at(0).bytes), bytes_of(blocks[1]));
  EXPECT_EQ(payloads_of(pieces[1].bytes), bytes_of(blocks[2]));
  // The head and the description: all but what depends on the file's random identity.
  const std::string head = bytes_of(blocks[0]);
  ASSERT_EQ(head.size(), 32 + 45 + 8U);
  EXPECT_EQ(head.substr(0, 16), pieces[0].bytes.substr(0, 16));
  EXPECT_EQ(head.substr(32, 45), pieces[0].bytes.substr(32, 45));
}

TEST(FormatExamples, file_sink) {
  const std::vector<std::string> blocks = blocks_of("file_sink.md", "```");
  ASSERT_EQ(blocks.size(), 2U);
  const commit_ledger ledger = commit_ledger::parse(blocks[1], "commits");
  EXPECT_EQ(ledger.text(), blocks[1]);
  EXPECT_TRUE(ledger.holds(1'700'000'001'000));
  EXPECT_TRUE(ledger.holds(1'700'000'059'000));
  EXPECT_EQ(ledger.pending().value().batch, 1'700'000'060'000);
}

}  // namespace
}  // namespace millrace
