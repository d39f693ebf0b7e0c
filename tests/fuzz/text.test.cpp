// Readers of text: lines, settings, rows as JSON and CSV.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"
#include "millrace/detail/base/settings.hpp"
#include "millrace/detail/formats/csv_text.hpp"
#include "millrace/detail/storage/text_blocks.hpp"
#include "millrace/json.hpp"
#include "storage/memory_file.test.hpp"
#include "streaming/receiving/line_buffer.hpp"

namespace millrace::fuzz {
namespace {

using namespace detail;
using lines = std::vector<std::string>;

/// As it would be done by hand.
lines lines_of(std::string_view text) {
  lines all;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && text[end] != '\n' && text[end] != '\r') ++end;
    all.emplace_back(text.substr(i, end - i));
    if (end + 1 < text.size() && text[end] == '\r' && text[end + 1] == '\n') ++end;
    i = end + 1;
  }
  return all;
}

const std::vector<std::string> texts{
    std::string("\x07\x10one\ntwo\r\nthree\rfour\n\nfive\r\r\nsix\r\n\r\nlast"),
    std::string("\x01\x03\xef\xbb\xbfWith a mark\n") + std::string(300, 'x') + "\r\n",
    std::string("\xff\x40\0\0\n\0\r\n", 8)};

/// The first byte says how it comes in pieces, the second how long lines may be.
TEST(Fuzz, line_splitter) {
  fuzz({"line_splitter",
        [](std::string_view input) {
          if (input.size() < 2) return;
          const std::size_t piece = 1 + static_cast<unsigned char>(input[0]);
          const std::size_t limit = 1 + static_cast<unsigned char>(input[1]);
          const std::string_view text = input.substr(2);
          line_buffer buffer(limit, 256);
          lines got;
          std::vector<line_buffer::long_line> too_long;
          const auto take = [&] {
            for (const text_block& block : buffer.take())
              for (std::string& line : lines_of(block.text)) got.push_back(std::move(line));
            for (auto& one : buffer.take_too_long()) too_long.push_back(std::move(one));
          };
          std::size_t times = 0;
          for (std::size_t at = 0; at < text.size(); ++times) {
            const std::span<char> room = buffer.room();
            const std::size_t n = std::min({piece, room.size(), text.size() - at});
            std::memcpy(room.data(), text.data() + at, n);
            buffer.received(n);
            at += n;
            if (buffer.full() || times % 3 == 0) take();
          }
          EXPECT_EQ(buffer.end(true), 0U);
          take();
          lines expected;
          std::size_t left_out = 0;
          for (std::string& line : lines_of(text)) {
            if (line.size() <= limit) {
              expected.push_back(std::move(line));
            } else if (++left_out; left_out <= too_long.size()) {
              EXPECT_TRUE(line.starts_with(too_long[left_out - 1].bytes));
            }
          }
          EXPECT_EQ(got, expected);
          EXPECT_EQ(too_long.size(), left_out);
        },
        texts});
}

/// The same of a file, in splits of so many bytes.
TEST(Fuzz, text_splits) {
  fuzz({"text_splits",
        [](std::string_view input) {
          if (input.size() < 2) return;
          const std::size_t split = 1 + static_cast<unsigned char>(input[0]);
          const std::size_t block = 1 + static_cast<unsigned char>(input[1]);
          std::string text(input.substr(2, 4096));
          lines got;
          for (std::size_t begin = 0; begin < text.size(); begin += split) {
            text_block_reader reader(std::make_unique<memory_input>(text), begin,
                                     std::min(begin + split, text.size()), {block, 8192});
            for (std::string_view part; reader.next(part);)
              for (std::string& line : lines_of(part)) got.push_back(std::move(line));
          }
          const std::string_view without_mark =
              text.starts_with("\xef\xbb\xbf") ? std::string_view(text).substr(3) : text;
          EXPECT_EQ(got, lines_of(without_mark));
        },
        texts});
}

TEST(Fuzz, settings) {
  std::vector<std::string> seeds{"spark.streaming.blockInterval=200ms",
                                 "memory.budget = 1G",
                                 "task.max_failures=-1",
                                 "a=b",
                                 "=",
                                 "streaming.concurrentJobs=2"};
  for (const setting_info& one : known_settings())
    seeds.push_back(std::string(one.name) + "=" + std::string(one.initial));
  fuzz({"settings",
        [](std::string_view input) {
          const auto quietly = [](auto f) {
            try {
              f();
            } catch (const usage_error&) {
            }
          };
          quietly([&] { EXPECT_GE(parse_duration(input), std::chrono::nanoseconds(0)); });
          quietly([&] { (void)parse_size(input); });
          settings set;
          set.set(input);
          // What was taken can be asked for, and set again.
          ASSERT_EQ(set.all().size(), 1U);
          const auto& [name, value] = set.all()[0];
          EXPECT_TRUE(set.is_set(name));
          settings again;
          again.set(name, value);
          EXPECT_EQ(again.text(name), set.text(name));
        },
        seeds});
}

struct inner {
  double x = 0;
  std::optional<std::string> note;
  bool operator==(const inner&) const = default;
};
struct row {
  std::string name;
  int count = 0;
  std::vector<inner> all;
  std::map<std::string, std::vector<int>> scores;
  std::chrono::milliseconds took{};
  bool yes = false;
  bool operator==(const row&) const = default;
};

row sample() {
  return {"a \"b\",\n\u00e9",    -7,  {{1.5, "x"}, {0, {}}}, {{"k", {1, 2}}},
          std::chrono::hours(1), true};
}

TEST(Fuzz, json) {
  fuzz({"json",
        [](std::string_view input) {
          const row one = json::parse<row>(input);
          const std::string text = json::text(one);
          EXPECT_EQ(json::text(json::parse<row>(text)), text);
        },
        {json::text(sample()),
         R"({"name":"","count":1e1,"all":[],"scores":{},"took":"1s","yes":null})",
         std::string(200, '[')}});
}

struct cells {
  std::string name;
  int count = 0;
  std::optional<double> price;
  std::vector<int> list;
  bool yes = false;
};

TEST(Fuzz, csv) {
  const row_columns columns{"csv", named_row_of<cells>(), {}};
  const csv_printer printer(columns, ',');
  csv_reader reader(columns, {});
  const auto parse = [&](std::string_view record) {
    row_shape<cells> made;
    reader.read(record, &made.row);
    cells result = std::move(made.row);
    made.row.~cells();
    return result;
  };
  const auto print = [&](const cells& one) {
    std::string text;
    printer.print(&one, text);
    text.pop_back();
    return text;
  };
  fuzz({"csv",
        [&](std::string_view input) {
          csv_record_end end(',');
          (void)end.feed(input);
          const std::string text = print(parse(input));
          EXPECT_EQ(print(parse(text)), text);
        },
        {print({"a \"b\",\nc", 3, 1.5, {1, 2}, true}), "x,1,,[],false",
         "\"\"\"\",1,2,\"[1,2]\",true"}});
}

}  // namespace
}  // namespace millrace::fuzz
