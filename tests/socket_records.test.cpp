// Decoded and raw sockets, and lines to a socket.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "millrace/socket.hpp"
#include "stream_on_manual_clock.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::mailbox;

class server {
 public:
  server() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(fd_, 8) != 0)
      throw std::runtime_error("no port to listen on");
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port = ntohs(at.sin_port);
    detail::set_log_level(detail::log_level::off);
  }
  ~server() {
    ::close(fd_);
    detail::set_log_level(detail::log_level::warn);
  }
  /// Takes the next client and gives it all this, at most `piece` bytes at a time.
  int serve(std::string_view bytes, std::size_t piece) const {
    const int client = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    while (!bytes.empty()) {
      const ssize_t n = ::send(client, bytes.data(), std::min(piece, bytes.size()), MSG_NOSIGNAL);
      if (n <= 0) break;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return client;
  }
  std::string take() const {
    const int client = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    std::string all;
    char some[100];
    for (ssize_t n; (n = ::recv(client, some, sizeof some, 0)) > 0;)
      all.append(some, static_cast<std::size_t>(n));
    ::close(client);
    return all;
  }
  int port = 0;

 private:
  int fd_;
};

streaming_context quick() {
  return streaming_context(
      {.master = "local[2]", .batch = 5ms, .conf = {{"streaming.receiverRestartDelay", "1ms"}}});
}

using row = std::pair<std::string, std::int64_t>;

TEST(SocketRecordsThreads, frames_torn_anywhere_and_a_server_that_comes_back) {
  server there;
  const auto ssc = quick();
  mailbox<row> seen;
  ssc.raw_socket_stream<row>("127.0.0.1", there.port).for_each_rdd([&](const rdd<row>& batch) {
    for (const row& one : batch.collect()) seen.put(one);
  });
  ssc.start();
  const std::vector<row> first{{"a", 1}, {"bc", -2}};
  const std::string text = socket::frame(first) + socket::frame(std::vector<row>{}) +
                           socket::frame(std::vector{row{"d", 3}});
  // The last frame is torn: what came of it counts for nothing.
  ::close(there.serve(text + text.substr(0, 7), 1));
  const int client = there.serve(text, 100);
  EXPECT_EQ(seen.await(6),
            (std::vector<row>{{"a", 1}, {"bc", -2}, {"d", 3}, {"a", 1}, {"bc", -2}, {"d", 3}}));
  ssc.stop();
  ::close(client);
}

TEST(SocketRecordsThreads, frames_of_text) {
  server there;
  const auto ssc = quick();
  mailbox<std::string> seen;
  ssc.raw_socket_stream<std::string_view>("127.0.0.1", there.port)
      .for_each_rdd([&](const rdd<std::string_view>& batch) {
        for (const std::string_view one : batch.collect()) seen.put(std::string(one));
      });
  ssc.start();
  const int client = there.serve(socket::frame(std::vector<std::string>{"a", "", "b c"}), 100);
  EXPECT_EQ(seen.await(3), (std::vector<std::string>{"a", "", "b c"}));
  ssc.stop();
  ::close(client);
}

TEST(SocketRecordsThreads, what_is_no_frame_fails_the_stream) {
  server there;
  const auto ssc = quick();
  ssc.raw_socket_stream<std::string_view>("127.0.0.1", there.port)
      .for_each_rdd([](const rdd<std::string_view>& r) { r.count(); });
  ssc.start();
  const int client = there.serve("GET / HTTP/1.0\r\n", 100);
  try {
    ssc.await_termination();
    FAIL();
  } catch (const stream_error& e) {
    EXPECT_NE(std::string(e.what()).find("longer than 64 MiB"), std::string::npos) << e.what();
  }
  ::close(client);
}

TEST(SocketRecordsThreads, records_as_the_program_cuts_them) {
  server there;
  const auto ssc = quick();
  mailbox<int> one_by_one, together;
  ssc.socket_stream<int>("localhost", there.port,
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
  ssc.socket_stream<int>("localhost", there.port,
                         [](std::string_view bytes, emit<int>& out) {
                           std::size_t used = 0;
                           for (; bytes.size() - used >= 2; used += 2) out(bytes[used] - '0');
                           return used;
                         })
      .for_each_rdd([&](const rdd<int>& batch) {
        for (const int i : batch.collect()) together.put(i);
      });
  ssc.start();
  const int a = there.serve("1;2;3;4;5;", 3);
  const int b = there.serve("1;2;3;4;5;", 3);
  EXPECT_EQ(one_by_one.await(5), (std::vector<int>{1, 2, 3, 4, 5}));
  EXPECT_EQ(together.await(5), (std::vector<int>{1, 2, 3, 4, 5}));
  ssc.stop();
  ::close(a);
  ::close(b);
  EXPECT_THROW(quick().raw_socket_stream<int>("", 1), usage_error);
  EXPECT_THROW(quick().raw_socket_stream<int>("localhost", 70'000), usage_error);
}

TEST(SocketRecordsThreads, lines_go_to_a_server) {
  server there;
  mailbox<std::string> got;
  std::thread reader([&] {
    for (int i = 0; i < 2; ++i) got.put(there.take());
  });
  test::stream_on_manual_clock s;
  rdd_queue<std::pair<std::string, int>> queue;
  queue.push(s.sc.parallelize<std::pair<std::string, int>>({{"a", 1}, {"b", 2}, {"c", 3}}, 3)
                 .filter([](const auto& r) { return r.second != 2; }));
  s.ssc.queue_stream(queue).write(
      socket::lines{.host = "127.0.0.1", .port = static_cast<std::uint16_t>(there.port)});
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
