// Words from a sender that does not wait: every one is counted, and only so much is held.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <string_view>

#include "millrace/socket.hpp"
#include "millrace/split.hpp"
#include "millrace/streaming_context.hpp"
#include "stream_on_manual_clock.hpp"
#include "text_server_process.hpp"

namespace millrace {
namespace {

TEST(SocketFloodHeavy, every_word_is_counted_and_little_is_held) {
  constexpr std::int64_t most_held = 1 << 20;
  constexpr std::int64_t longest_read = 1 << 20;  // what one read may bring on top
  tools::text_server_process server(
      std::string(MILLRACE_PROGRAM_DIRECTORY) + "/millrace_text_server", 400'000);
  std::atomic<std::int64_t> largest{0};  // batch, in bytes
  test::mailbox<std::int64_t> words;
  streaming_context ssc{{.master = "local[2]",
                         .batch = std::chrono::milliseconds(50),
                         .conf = {{"streaming.receiver.maxBytes", std::to_string(most_held)}}}};
  const auto lines = ssc.socket_text_stream("127.0.0.1", server.port());
  lines.for_each_rdd([&](const rdd<std::string_view>& r) {
    const std::int64_t bytes = r.map([](std::string_view line) {
                                  return static_cast<std::int64_t>(line.size()) + 1;
                                }).fold(std::int64_t{0}, std::plus<>{});
    if (bytes > largest) largest = bytes;
  });
  lines.flat_map(split(' '))
      .map([](std::string_view word) { return std::pair{word, std::int64_t{1}}; })
      .reduce_by_key(std::plus<>{})
      .for_each_rdd([&](const rdd<std::pair<std::string_view, std::int64_t>>& counts) {
        const std::int64_t n = counts.values().fold(std::int64_t{0}, std::plus<>{});
        if (n != 0) words.put(n);
      });
  ssc.start();
  const std::int64_t sent = server.words_sent();
  EXPECT_GT(sent, 4'500'000);
  const auto total = [](const std::vector<std::int64_t>& all) {
    std::int64_t sum = 0;
    for (const std::int64_t n : all) sum += n;
    return sum;
  };
  const auto counted =
      words.await_until([&](const std::vector<std::int64_t>& all) { return total(all) >= sent; });
  ssc.stop();
  EXPECT_EQ(total(counted), sent);
  EXPECT_GT(largest, 0);
  EXPECT_LE(largest, most_held + longest_read);
}

}  // namespace
}  // namespace millrace
