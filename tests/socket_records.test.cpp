// Decoded and raw sockets, and lines to a socket.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "millrace/socket.hpp"
#include "socket_peer.hpp"
#include "stream_on_manual_clock.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::mailbox;

class SocketRecordsThreads : public testing::Test {
 protected:
  SocketRecordsThreads() { detail::set_log_level(detail::log_level::off); }
  ~SocketRecordsThreads() override { detail::set_log_level(detail::log_level::warn); }

  /// Takes the next client and gives it all this, at most `piece` bytes at a time.
  int serve(std::string_view bytes, std::size_t piece) const {
    const int client = there.accept();
    test::send_all(client, bytes, piece);
    return client;
  }

  const test::server there;
};

streaming_context quick() {
  return streaming_context(
      {.master = "local[2]", .batch = 5ms, .conf = {{"streaming.receiverRestartDelay", "1ms"}}});
}

using row = std::pair<std::string, std::int64_t>;

TEST_F(SocketRecordsThreads, frames_torn_anywhere_and_a_server_that_comes_back) {
  const auto ssc = quick();
  mailbox<row> seen;
  ssc.raw_socket_stream<row>("127.0.0.1", there.port()).for_each_rdd([&](const rdd<row>& batch) {
    for (const row& one : batch.collect()) seen.put(one);
  });
  ssc.start();
  const std::vector<row> first{{"a", 1}, {"bc", -2}};
  const std::string text = socket::frame(first) + socket::frame(std::vector<row>{}) +
                           socket::frame(std::vector{row{"d", 3}});
  // The last frame is torn: what came of it counts for nothing.
  ::close(serve(text + text.substr(0, 7), 1));
  const int client = serve(text, 100);
  EXPECT_EQ(seen.await(6),
            (std::vector<row>{{"a", 1}, {"bc", -2}, {"d", 3}, {"a", 1}, {"bc", -2}, {"d", 3}}));
  ssc.stop();
  ::close(client);
}

TEST_F(SocketRecordsThreads, frames_of_text) {
  const auto ssc = quick();
  mailbox<std::string> seen;
  ssc.raw_socket_stream<std::string_view>("127.0.0.1", there.port())
      .for_each_rdd([&](const rdd<std::string_view>& batch) {
        for (const std::string_view one : batch.collect()) seen.put(std::string(one));
      });
  ssc.start();
  const int client = serve(socket::frame(std::vector<std::string>{"a", "", "b c"}), 100);
  EXPECT_EQ(seen.await(3), (std::vector<std::string>{"a", "", "b c"}));
  ssc.stop();
  ::close(client);
}

TEST_F(SocketRecordsThreads, what_is_no_frame_fails_the_stream) {
  const auto ssc = quick();
  ssc.raw_socket_stream<std::string_view>("127.0.0.1", there.port())
      .for_each_rdd([](const rdd<std::string_view>& r) { r.count(); });
  ssc.start();
  const int client = serve("GET / HTTP/1.0\r\n", 100);
  try {
    ssc.await_termination();
    FAIL();
  } catch (const stream_error& e) {
    EXPECT_NE(std::string(e.what()).find("longer than 64 MiB"), std::string::npos) << e.what();
  }
  ::close(client);
}

TEST_F(SocketRecordsThreads, records_as_the_program_cuts_them) {
  const auto ssc = quick();
  mailbox<int> one_by_one, together;
  ssc.socket_stream<int>("localhost", there.port(),
                         [](std::string_view& bytes) -> std::optional<int> {
                           const auto end = bytes.find(';');
                           if (end == std::string_view::npos) return {};
                           const int value = std::stoi(std::string(bytes.substr(0, end)));
                           bytes.remove_prefix(end + 1);
                           return value;
                         })
      .for_each_rdd([&](const rdd<int>& batch) {
        for (const int i : batch.collect()) one_by_one.put(i);
      });
  ssc.socket_stream<int>("localhost", there.port(),
                         [](std::string_view bytes, emit<int>& out) {
                           std::size_t used = 0;
                           for (; bytes.size() - used >= 2; used += 2) out(bytes[used] - '0');
                           return used;
                         })
      .for_each_rdd([&](const rdd<int>& batch) {
        for (const int i : batch.collect()) together.put(i);
      });
  ssc.start();
  const int a = serve("1;2;3;4;5;", 3);
  const int b = serve("1;2;3;4;5;", 3);
  EXPECT_EQ(one_by_one.await(5), (std::vector<int>{1, 2, 3, 4, 5}));
  EXPECT_EQ(together.await(5), (std::vector<int>{1, 2, 3, 4, 5}));
  ssc.stop();
  ::close(a);
  ::close(b);
  EXPECT_THROW(quick().raw_socket_stream<int>("", 1), usage_error);
  EXPECT_THROW(quick().raw_socket_stream<int>("localhost", 70'000), usage_error);
}

TEST_F(SocketRecordsThreads, records_that_can_not_be_decoded_are_left_out) {
  const auto ssc = quick();
  mailbox<int> seen;
  struct listener : streaming_listener {
    mailbox<std::string> bad;
    void bad_record(const bad_record_info& info) override { bad.put(info.message); }
  } heard;
  ssc.add_listener(heard);
  ssc.socket_stream<int>(
         "127.0.0.1", there.port(),
         [](std::string_view& bytes) -> std::optional<int> {
           const auto end = bytes.find(';');
           if (end == std::string_view::npos) return {};
           const std::string record(bytes.substr(0, end));
           bytes.remove_prefix(end + 1);
           if (record == "x") throw std::runtime_error("no number");
           return std::stoi(record);
         },
         on_bad_record::skip)
      .for_each_rdd([&](const rdd<int>& batch) {
        for (const int i : batch.collect()) seen.put(i);
      });
  ssc.start();
  const int client = there.accept();
  test::send_all(client, "1;2;x;3;", 3);
  EXPECT_EQ(seen.await(3), (std::vector<int>{1, 2, 3}));
  const std::string told = heard.bad.await(1)[0];
  EXPECT_NE(told.find("no number: 127.0.0.1:" + std::to_string(there.port()) + ", byte 4, 2 bytes"),
            std::string::npos)
      << told;
  ssc.stop();
  ::close(client);
}

TEST_F(SocketRecordsThreads,
       frames_of_other_rows_are_left_out_and_what_is_no_frame_ends_a_connection) {
  const auto ssc = quick();
  mailbox<std::string> seen;
  ssc.raw_socket_stream<std::string>("127.0.0.1", there.port(), on_bad_record::skip)
      .for_each_rdd([&](const rdd<std::string>& batch) {
        for (const std::string& one : batch.collect()) seen.put(one);
      });
  ssc.start();
  using texts = std::vector<std::string>;
  const int client = there.accept();
  test::send_all(client, socket::frame(texts{"a"}) + std::string("\0\0\0\1\x7f", 5) +
                             socket::frame(texts{"b"}) + "GET / HTTP/1.0\r\n");
  EXPECT_EQ(test::receive_all(client), "");  // it hangs up
  ::close(client);
  const int again = there.accept();
  test::send_all(again, socket::frame(texts{"c"}));
  EXPECT_EQ(seen.await(3), (texts{"a", "b", "c"}));
  ssc.stop();
  ::close(again);
}

TEST_F(SocketRecordsThreads, lines_go_to_a_server) {
  mailbox<std::string> got;
  std::thread reader([&] {
    for (int i = 0; i < 2; ++i) {
      const int client = there.accept();
      got.put(test::receive_all(client));
      ::close(client);
    }
  });
  test::stream_on_manual_clock s;
  rdd_queue<std::pair<std::string, int>> queue;
  queue.push(s.sc.parallelize<std::pair<std::string, int>>({{"a", 1}, {"b", 2}, {"c", 3}}, 3)
                 .filter([](const auto& r) { return r.second != 2; }));
  s.ssc.queue_stream(queue).write(socket::lines{.host = "127.0.0.1", .port = there.port()});
  s.ssc.start();
  s.tick();
  auto all = got.await(2);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<std::string>{"(a,1)\n", "(c,3)\n"}));
  reader.join();
  s.ssc.stop();
}

}  // namespace
}  // namespace millrace
