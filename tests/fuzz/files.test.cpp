// Readers of what millrace writes for itself. Bytes within frames are changed with checksums that
// agree, or no change would come further than to those.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "connectors/file/commit_ledger.hpp"
#include "crashing_files.hpp"
#include "fuzz.hpp"
#include "millrace/detail/base/hash.hpp"
#include "storage/dead_letter_files.hpp"
#include "storage/framed_file.hpp"
#include "storage/log_file.hpp"
#include "storage/memory_file.test.hpp"
#include "streaming/receiving/logged_block.hpp"
#include "streaming/receiving/receiver_log.hpp"
#include "streaming/recovery/batch_log.hpp"
#include "streaming/recovery/checkpoint_file.hpp"
#include "streaming/recovery/encoded.hpp"
#include "streaming/recovery/piece_file.hpp"

namespace millrace::fuzz {
namespace {

using namespace detail;
using namespace std::chrono_literals;
using test::crashing_files;

constexpr const char* path = "mem/file";

std::string bytes_of(crashing_files& files, const std::string& name) {
  return files.all().at(name);
}
std::unique_ptr<input_file> file_of(std::string_view bytes) {
  return std::make_unique<memory_input>(std::string(bytes));
}
std::string description_of(std::string bytes) {
  return framed_reader(std::make_unique<memory_input>(std::move(bytes)),
                       framed_reader::ending::open)
      .description();
}

/// A framed file of one frame.
std::string framed(std::string_view description, std::string_view payload) {
  memory_output out;
  framed_writer writer(out, description);
  writer.frame(payload, 1);
  writer.finish();
  return out.text;
}
/// A log of the entries that the input is cut into: each has its length before it, in one byte.
std::string logged(std::string_view description, std::string_view input) {
  crashing_files files;
  log_writer log(files, path, description);
  while (!input.empty()) {
    const std::size_t n =
        std::min<std::size_t>(static_cast<unsigned char>(input[0]), input.size() - 1);
    log_entry entry;
    entry.bytes().raw(input.data() + 1, n);
    log.append(entry);
    input.remove_prefix(n + 1);
  }
  log.sync();
  return bytes_of(files, path);
}
std::string with_length(std::string entry) { return static_cast<char>(entry.size()) + entry; }

checkpoint sample() {
  checkpoint one;
  one.number = 7;
  one.epoch = 2;
  one.application = "app";
  one.interval = 1s;
  one.last = one.as_of = time_point_ms(5s);
  one.inputs = {{"numbers", "(int64, int64)", "position"}, {"socket", "", ""}};
  one.states = {{"totals",
                 "map_with_state",
                 "(text, int64)",
                 {{{"state-1-0-0", time_point_ms(4s), {}, 100, 3},
                   {"state-2-0-0", time_point_ms(5s), time_point_ms(4s), 10, 1}},
                  {}}}};
  one.accumulators = {{"seen", "int64", "12345678"}};
  one.batches = {{time_point_ms(6s), batch_status::parked, {"range", std::nullopt}, {2, 1}, "why"}};
  return one;
}

TEST(Fuzz, framed_file) {
  memory_output three;
  framed_writer writer(three, "rows of int64");
  for (const char* payload : {"12345678", "", "abcdefgh"}) writer.frame(payload, 1);
  writer.finish();
  fuzz({"framed_file",
        [](std::string_view input) {
          framed_reader open(file_of(input), framed_reader::ending::open);
          framed_reader::frame frame;
          while (open.next(frame)) EXPECT_LE(frame.payload.size(), input.size());
          if (open.flaw() != nullptr) {
            while (open.find(frame) && !frame.payload.empty()) {
            }
          }
          framed_reader reader(file_of(input));
          while (reader.next(frame)) EXPECT_LE(frame.payload.size(), input.size());
        },
        {three.text, framed("x", std::string(300, 'y'))}});
}

TEST(Fuzz, log) {
  fuzz({"log",
        [](std::string_view input) {
          crashing_files files;
          files.set({{path, std::string(input)}});
          log_reader reader(files, path, "a log");
          log_reader::entry entry;
          while (reader.next(entry)) EXPECT_LE(entry.bytes.size(), input.size());
          (void)reader.torn_text();
        },
        {logged("a log", with_length("one") + with_length("two") + with_length(""))}});
}

TEST(Fuzz, checkpoint) {
  crashing_files files;
  write_checkpoint(files, "mem", path, sample());
  const std::string description = description_of(bytes_of(files, path));
  fuzz({"checkpoint",
        [&](std::string_view input) {
          crashing_files now;
          now.set({{path, framed(description, input)}});
          const checkpoint one = read_checkpoint(now, path);
          const std::string again = encoded(one);
          EXPECT_EQ(encoded(decode<checkpoint>(again)), again);
        },
        {encoded(sample()), encoded(checkpoint{})}});
}

TEST(Fuzz, batch_log) {
  crashing_files files;
  batch_log_writer writer(files, path, {3, 1, 2, log_head::all});
  const std::string description = description_of(bytes_of(files, path));
  std::string entries = with_length(encoded(log_head{3, 1, 2, log_head::all}));
  log_record record;
  record.batch = sample().batches[0];
  for (const auto kind : {log_record::kind::batch, log_record::kind::committed,
                          log_record::kind::parked, log_record::kind::retried}) {
    record.what = kind;
    record.accumulators = sample().accumulators;
    entries += with_length(encoded(record));
  }
  fuzz({"batch_log",
        [&](std::string_view input) {
          crashing_files now;
          now.set({{path, logged(description, input)}});
          batch_log_reader reader(now, path);
          checkpoint to = sample();
          for (log_record one; reader.next(one);) apply(one, to);
          forget_done(to);
          EXPECT_EQ(encoded(decode<checkpoint>(encoded(to))), encoded(to));
        },
        {entries}});
}

TEST(Fuzz, write_ahead_log) {
  const auto options = [](crashing_files& files) {
    return receiver_log::options{&files, "log", "text", 300};
  };
  std::map<std::string, std::string> image;
  {
    crashing_files files;
    receiver_log log(options(files), 1);
    for (int i = 0; i < 4; ++i)
      (void)log.append([&](byte_writer& to) { to.u64(static_cast<std::uint64_t>(i)); });
    ASSERT_TRUE(log.sync());
    image = files.all();
  }
  ASSERT_FALSE(image.empty());
  const std::string segment = image.begin()->first;
  fuzz({"write_ahead_log",
        [&](std::string_view input) {
          crashing_files files;
          auto changed = image;
          changed[segment] = input;
          files.set(changed);
          receiver_log log(options(files), 1);
          for (std::uint64_t entry = log.first(); entry < log.next(); ++entry)
            EXPECT_LE(log.read(entry).size(), 300 + input.size());
        },
        {image[segment]}});
}

using many = std::tuple<std::string, std::vector<std::pair<int, std::optional<std::string>>>,
                        std::map<std::string, std::vector<double>>, std::variant<int, std::string>,
                        std::array<bool, 3>, std::chrono::seconds>;

TEST(Fuzz, rows) {
  const many sample{"text", {{1, "a"}, {2, {}}}, {{"k", {1, 2}}}, "other", {true, false, true}, 5s};
  fuzz({"rows",
        [](std::string_view input) {
          const std::string again = encoded(decode<many>(input));
          EXPECT_EQ(encoded(decode<many>(again)), again);
        },
        {encoded(sample), encoded(many{})}});
}

TEST(Fuzz, entries_of_the_write_ahead_log) {
  byte_writer rows;
  rows.u8(1);
  rows.varint(2);
  encode(std::pair<std::string, int>("a", 1), rows);
  encode(std::pair<std::string, int>("b", 2), rows);
  fuzz({"entries_of_the_write_ahead_log",
        [](std::string_view input) {
          using row = std::pair<std::string, int>;
          const std::vector<std::string> entries{std::string(input)};
          const received_block block = block_of(row_type_of<row>(), entries);
          byte_writer again;
          encode_entry(block, again);
          if (block.rows != nullptr) {
            EXPECT_LE(again.view().size(), input.size());
          }
        },
        {std::string(rows.view()), std::string("\0some\ntext\n", 11)}});
}

TEST(Fuzz, state) {
  memory_output out;
  piece_writer writer(out, "state", {time_point_ms(2s), time_point_ms(1s), 0, 2});
  writer.begin('k', 5);
  encode(std::pair<std::string, int>("a", 1), writer.next());
  (void)writer.finish();
  framed_reader reader(file_of(out.text));
  std::vector<std::string> frames;
  for (framed_reader::frame one; reader.next(one);) frames.emplace_back(one.payload);
  std::string seed;
  for (const std::string& one : frames) seed += with_length(one);
  fuzz({"state",
        [](std::string_view input) {
          memory_output file;
          framed_writer frames_of(file, "state");
          while (!input.empty()) {
            const std::size_t n =
                std::min<std::size_t>(static_cast<unsigned char>(input[0]), input.size() - 1);
            frames_of.frame(input.substr(1, n), 1);
            input.remove_prefix(n + 1);
          }
          frames_of.finish();
          piece_reader piece(file_of(file.text), "state", 0, time_point_ms(1s));
          piece.parse([](byte_reader&) {});
          while (piece.next()) {
            piece.parse([&](byte_reader& in) {
              arena texts;
              row_shape<std::pair<std::string_view, int>> row;
              for (std::uint64_t i = 0; i < piece.records(); ++i)
                decode_row(row_type_of<std::pair<std::string_view, int>>(), &row.row, in, texts);
            });
          }
        },
        {seed}});
}

TEST(Fuzz, dead_letters) {
  crashing_files files;
  dead_letter letter;
  letter.source = "file csv /in";
  letter.position = "line 3";
  letter.reason = "no";
  letter.bytes = "a,b";
  dead_letter_writer writer(files, "mem", 1'000'000);
  ASSERT_TRUE(writer.add(letter));
  letter.batch_time = time_point_ms(4s);
  letter.bytes = "c";
  ASSERT_TRUE(writer.add(letter));
  writer.sync();
  const std::string bytes = bytes_of(files, dead_letter_files(files, "mem").at(0));
  const std::string description = description_of(bytes);
  std::string seed;
  {
    crashing_files one;
    one.set({{path, bytes}});
    log_reader reader(one, path, description);
    for (log_reader::entry entry; reader.next(entry);)
      seed += with_length(std::string(entry.bytes));
  }
  fuzz({"dead_letters",
        [&](std::string_view input) {
          crashing_files now;
          now.set({{path, logged(description, input)}});
          (void)read_dead_letters(now, path, [](dead_letter&&) {});
        },
        {seed}});
}

TEST(Fuzz, commit_ledger) {
  commit_ledger some;
  for (const std::int64_t batch : {1000, 2000, 3000, 7000})
    some.decide({batch, {{"run/parts/1", "app.write.1"}}},
                {{1000, 0, 3, 10, "held/1", "app.write.1"}});
  const std::string text = some.text();
  // Its last line is a checksum, which has to agree.
  const auto sealed = [](std::string_view bytes) {
    char digits[24];
    std::snprintf(digits, sizeof digits, "%016llx",
                  static_cast<unsigned long long>(checksum(bytes.data(), bytes.size())));
    return std::string(bytes) + "checksum " + digits + "\n";
  };
  const std::string body = text.substr(0, text.rfind("checksum "));
  fuzz({"commit_ledger",
        [&](std::string_view input) {
          const std::string again = commit_ledger::parse(sealed(input), path).text();
          EXPECT_EQ(commit_ledger::parse(again, path).text(), again);
        },
        {body}});
}

}  // namespace
}  // namespace millrace::fuzz
