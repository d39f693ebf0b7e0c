// Words from a live socket through a running stream.
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <string>
#include <thread>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "millrace/socket.hpp"
#include "millrace/split.hpp"
#include "socket_peer.hpp"
#include "stream_on_manual_clock.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::mailbox;
using test::send_all;
using test::stream_on_manual_clock;

/// Keeps the lines of each batch.
void keep_lines(const dstream<std::string_view>& lines, mailbox<std::vector<std::string>>& in) {
  lines.for_each_rdd([&in](const rdd<std::string_view>& batch) {
    const auto all = batch.collect();
    in.put({all.begin(), all.end()});
  });
}

TEST(SocketStreamThreads, words_of_a_live_socket_are_counted) {
  const test::server there;
  std::map<std::string, int> counts;  // touched by one job at a time
  mailbox<int> words;
  context sc{{.name = "test", .master = "local[2]"}};
  streaming_context ssc{sc, 10ms};
  ssc.socket_text_stream("localhost", there.port())
      .flat_map(split(' '))
      .map([](std::string_view word) { return std::pair{word, 1}; })
      .reduce_by_key(std::plus<>{})
      .for_each_rdd([&](const rdd<std::pair<std::string_view, int>>& r) {
        for (const auto& [word, n] : r.collect()) {
          counts[std::string(word)] += n;
          words.put(n);
        }
      });
  ssc.start();
  const auto seen = [&](int wanted) {
    words.await_until([&](const std::vector<int>& all) {
      int sum = 0;
      for (const int n : all) sum += n;
      return sum >= wanted;
    });
  };
  for (const char* text : {"to be or not\r\nto", " be\n", "that is\rthe question\n"}) {
    // The peer leaves in the middle of a line, and comes back.
    const int client = there.accept();
    send_all(client, text);
    ::close(client);
  }
  seen(11);
  ssc.stop({.graceful = true});
  EXPECT_EQ(counts, (std::map<std::string, int>{{"to", 2},
                                                {"be", 2},
                                                {"or", 1},
                                                {"not", 1},
                                                {"", 1},
                                                {"that", 1},
                                                {"is", 1},
                                                {"the", 1},
                                                {"question", 1}}));
}

TEST(SocketStreamThreads, everything_that_waits_belongs_to_the_next_batch) {
  const test::server there;
  mailbox<std::vector<std::string>> seen;
  stream_on_manual_clock s;
  keep_lines(s.ssc.socket_text_stream("127.0.0.1", there.port()), seen);
  s.ssc.start();
  const int client = there.accept();
  send_all(client, "a\nb\npiece");
  std::size_t batches = 0;
  std::vector<std::string> all;
  const auto until = std::chrono::steady_clock::now() + test::deadline;
  while (all.size() < 2 && std::chrono::steady_clock::now() < until) {
    s.tick();
    all.clear();
    for (const auto& lines : seen.await(++batches))
      all.insert(all.end(), lines.begin(), lines.end());
  }
  EXPECT_EQ(all, (std::vector<std::string>{"a", "b"}));
  ::close(client);
  s.ssc.stop();
}

TEST(SocketStreamThreads, a_graceful_stop_gives_what_waits_one_more_batch) {
  const test::server there;
  mailbox<std::vector<std::string>> seen;
  stream_on_manual_clock s;
  keep_lines(s.ssc.socket_text_stream("127.0.0.1", there.port()), seen);
  s.ssc.start();
  const int client = there.accept();
  send_all(client, "last\n");
  ::close(client);
  const int again = there.accept();  // it has come back: the lines before were read
  const std::shared_ptr<detail::input_stream> input = s.ssc.core()->graph().inputs()[0];
  EXPECT_TRUE(input->holds_records());
  std::thread stopper([&] { s.ssc.stop({.graceful = true}); });
  s.tick();  // without it the stop would not end: what waits belongs to the next batch
  stopper.join();
  ::close(again);
  EXPECT_EQ(seen.all(), (std::vector<std::vector<std::string>>{{"last"}}));
}

TEST(SocketStreamThreads, a_line_that_is_too_long_stops_the_stream) {
  detail::set_log_level(detail::log_level::off);
  const test::server there;
  context sc{{.name = "test", .master = "local[2]"}};
  streaming_context ssc{sc, 10ms};
  ssc.stream(socket::text{.host = "127.0.0.1", .port = there.port(), .max_line = 100})
      .for_each_rdd([](const rdd<std::string_view>& r) { r.count(); });
  ssc.start();
  const int client = there.accept();
  send_all(client, "fine\n" + std::string(101, 'x') + "\n");
  try {
    ssc.await_termination();
    FAIL() << "nothing was thrown";
  } catch (const stream_error& e) {
    EXPECT_NE(std::string(e.what()).find("a line is longer than max_line"), std::string::npos)
        << e.what();
    EXPECT_EQ(e.operation(), "socket text 127.0.0.1:" + std::to_string(there.port()));
  }
  ::close(client);
  detail::set_log_level(detail::log_level::warn);
}

TEST(SocketStreamThreads, a_fast_sender_is_slowed_down_and_nothing_is_lost) {
  const test::server there;
  mailbox<std::int64_t> seen;
  std::atomic<std::int64_t> most{0};
  streaming_context ssc{
      {.master = "local[2]", .batch = 20ms, .conf = {{"streaming.receiver.maxBytes", "256k"}}}};
  ssc.socket_text_stream("127.0.0.1", there.port())
      .for_each_rdd([&](const rdd<std::string_view>& r) {
        const std::int64_t n = r.count();
        if (n > most) most = n;
        seen.put(n);
      });
  ssc.start();
  constexpr std::int64_t lines = 200'000;  // 2 MB
  std::thread sender([&] {
    const int client = there.accept();
    for (std::int64_t i = 0; i < lines; i += 1000) {
      std::string some;
      for (int j = 0; j < 1000; ++j) some += "123456789\n";
      if (!send_all(client, some)) break;
    }
    ::close(client);
  });
  std::int64_t total = 0;
  seen.await_until([&](const std::vector<std::int64_t>& all) {
    total = 0;
    for (const std::int64_t n : all) total += n;
    return total >= lines;
  });
  sender.join();
  ssc.stop();
  EXPECT_EQ(total, lines);
  // What may be held, and at most what one read brings (256 KiB), in lines of 10 bytes.
  EXPECT_LE(most, (2 * 256 * 1024) / 10 + 1);
}

}  // namespace
}  // namespace millrace
