// Inputs that nobody should send, and what becomes of them (docs/reliability.md).
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "millrace/dead_letters.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/millrace.hpp"
#include "millrace/socket.hpp"
#include "millrace/testing.hpp"
#include "socket_peer.hpp"
#include "stream_on_manual_clock.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::mailbox;
using texts = std::vector<std::string>;

class BadInputThreads : public ::testing::Test {
 protected:
  BadInputThreads()
      : directory_((std::filesystem::path(::testing::TempDir()) /
                    ("bad_input_" + std::to_string(::getpid())))
                       .string()) {
    detail::set_log_level(detail::log_level::off);
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~BadInputThreads() override {
    detail::set_log_level(detail::log_level::warn);
    std::filesystem::remove_all(directory_);
  }

  const test::server there;
  std::string directory_;
};

TEST_F(BadInputThreads, bytes_that_are_no_text_pass_a_socket_unchanged) {
  const texts sent{
      "\xef\xbb\xbf"
      "a byte order mark",
      "\xc3\x28 is no UTF-8",
      "\xc0\xaf is overlong",
      "\xed\xa0\x80 is half a pair",
      std::string("zero \0 inside", 13),
      "",
      "\x1b[31m",
  };
  streaming_context ssc({.master = "local[2]", .batch = 5ms});
  mailbox<std::string> seen;
  ssc.socket_text_stream("127.0.0.1", there.port())
      .for_each_rdd([&](const rdd<std::string_view>& batch) {
        for (const std::string_view line : batch.collect()) seen.put(std::string(line));
      });
  ssc.start();
  const int client = there.accept();
  for (const std::string& line : sent) ASSERT_TRUE(test::send_all(client, line + "\n"));
  EXPECT_EQ(seen.await(sent.size()), sent);
  ssc.stop();
  ::close(client);
}

TEST_F(BadInputThreads, a_million_empty_lines_are_a_million_records) {
  streaming_context ssc({.master = "local[2]", .batch = 20ms});
  mailbox<std::int64_t> counts;
  ssc.socket_text_stream("127.0.0.1", there.port())
      .filter([](std::string_view line) { return line.empty(); })
      .for_each_rdd([&](const rdd<std::string_view>& batch) { counts.put(batch.count()); });
  ssc.start();
  const int client = there.accept();
  ASSERT_TRUE(test::send_all(client, std::string(1'000'000, '\n')));
  counts.await_until([](const std::vector<std::int64_t>& all) {
    std::int64_t sum = 0;
    for (const std::int64_t n : all) sum += n;
    return sum == 1'000'000;
  });
  ssc.stop();
  ::close(client);
}

TEST_F(BadInputThreads, a_line_that_is_too_long_is_kept_as_a_dead_letter) {
  streaming_context ssc({.master = "local[2]",
                         .batch = 5ms,
                         .conf = {{"deadLetters.directory", directory_ + "/letters"}}});
  mailbox<std::string> seen;
  ssc.stream(socket::text{.host = "127.0.0.1",
                          .port = there.port(),
                          .max_line = 100,
                          .on_bad_record = on_bad_record::quarantine})
      .for_each_rdd([&](const rdd<std::string_view>& batch) {
        for (const std::string_view line : batch.collect()) seen.put(std::string(line));
      });
  ssc.start();
  const int client = there.accept();
  ASSERT_TRUE(test::send_all(client, "a\n" + std::string(2'000'000, 'x') + "\nb\n"));
  EXPECT_EQ(seen.await(2), (texts{"a", "b"}));
  ssc.stop();
  ::close(client);
  const context sc({.master = "local[1]"});
  EXPECT_EQ(dead_letters(sc, directory_ + "/letters").count(), 1);
  const dead_letter kept = dead_letters(sc, directory_ + "/letters").first();
  EXPECT_EQ(kept.bytes, std::string(100, 'x'));
  EXPECT_EQ(kept.source, "socket text 127.0.0.1:" + std::to_string(there.port()));
  EXPECT_EQ(kept.position, "connection 1, byte 2");
}

TEST_F(BadInputThreads, keeping_bad_records_without_a_place_is_refused_at_start) {
  streaming_context ssc({.master = "local[1]"});
  ssc
      .stream(socket::text{
          .host = "127.0.0.1", .port = there.port(), .on_bad_record = on_bad_record::quarantine})
      .for_each_rdd([](const rdd<std::string_view>&) {});
  EXPECT_THROW(ssc.start(), usage_error);
}

TEST_F(BadInputThreads, a_directory_that_goes_away_is_an_error_and_no_empty_batch) {
  testing::stream_fixture s({.batch = 1s});
  auto seen = s.collect(s.streaming().text_file_stream(directory_).map([](std::string_view line) {
    return std::string(line);
  }));
  s.advance(1);
  std::ofstream(directory_ + "/a") << "one\n";
  s.advance(1);
  EXPECT_EQ(seen.batches(), (std::vector<texts>{{}, {"one"}}));
  std::filesystem::remove_all(directory_);
  EXPECT_THROW(s.advance(1), stream_error);
}

TEST_F(BadInputThreads, what_is_no_file_does_not_hide_those_that_are) {
  testing::stream_fixture s({.batch = 1s});
  auto seen = s.collect(s.streaming().text_file_stream(directory_).map([](std::string_view line) {
    return std::string(line);
  }));
  s.advance(1);
  ASSERT_EQ(::mkfifo((directory_ + "/pipe").c_str(), 0600), 0);
  std::filesystem::create_directories(directory_ + "/below");
  std::filesystem::create_directory_symlink(directory_, directory_ + "/loop");
  std::ofstream(directory_ + "/a") << "one\n";
  s.advance(1);
  EXPECT_EQ(seen.batches(), (std::vector<texts>{{}, {"one"}}));
}

// "Heavy" keeps it from the address sanitizer, which ends a program that asks for so much.
using BadInputHeavy = BadInputThreads;
TEST_F(BadInputHeavy, a_function_that_wants_all_memory_fails_its_batch_with_words) {
  testing::stream_fixture s({.batch = 1s});
  auto in = s.input<int>();
  auto seen = s.collect(in.map([](int n) {
    std::string text;
    text.reserve(std::size_t{1} << (n == 7 ? 62 : 4));
    return n;
  }));
  s.feed(in, {{1}, {7}});
  try {
    s.run();
    FAIL();
  } catch (const stream_error& e) {
    EXPECT_EQ(e.operation(), "for_each_rdd") << e.what();
    EXPECT_NE(std::string(e.what()).find("bad_alloc"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace millrace
