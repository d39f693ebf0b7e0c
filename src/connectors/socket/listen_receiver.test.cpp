#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "connectors/socket/recording_sink.test.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/socket.hpp"

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;
using lines = recording_sink::lines;

constexpr auto deadline = recording_sink::deadline;

/// A client in the test's hands.
class sender {
 public:
  sender() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  explicit sender(std::uint16_t port) : sender() { connect(port); }
  void connect(std::uint16_t port) const {
    sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  }
  sender(sender&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  sender(const sender&) = delete;
  sender& operator=(sender&&) = delete;
  ~sender() { leave(); }

  void send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      ASSERT_GT(n, 0);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void leave() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    leave();
  }

 private:
  int fd_;
};

class SocketListenThreads : public testing::Test {
 protected:
  SocketListenThreads() { set_log_level(log_level::off); }
  ~SocketListenThreads() override { set_log_level(log_level::warn); }

  std::unique_ptr<receiver_port> open(const socket::listen& options = {}) {
    auto port = options.make_port();
    port->start(sink);
    return port;
  }
  static std::uint16_t port_of(const receiver_port& port) {
    const std::string text = port.description();
    return static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
  }

  recording_sink sink;
};

TEST_F(SocketListenThreads, each_clients_lines_come_whole_and_in_order) {
  const auto port = open();
  EXPECT_TRUE(port->description().starts_with("socket listen 127.0.0.1:"));
  std::vector<sender> clients;
  for (int i = 0; i < 10; ++i) clients.emplace_back(port_of(*port));
  for (int n = 0; n < 100; ++n)
    for (std::size_t i = 0; i < clients.size(); ++i)
      clients[i].send(std::to_string(i) + " " + std::to_string(n / 2) +
                      (n % 2 == 0   ? ","
                       : i % 2 == 0 ? "\n"
                                    : "\r\n"));
  std::map<std::string, int> next;
  for (const std::string& line : sink.await_lines(*port, 500)) {
    const std::string who = line.substr(0, 1);
    const std::string piece = who + " " + std::to_string(next[who]++);
    ASSERT_EQ(line, piece + "," + piece);
  }
  for (const auto& [who, n] : next) EXPECT_EQ(n, 50) << who;
  port->stop();
}

TEST_F(SocketListenThreads, a_last_line_without_an_end_counts_when_its_client_closed) {
  const auto port = open();
  sender one(port_of(*port));
  one.send("a\nlast");
  one.leave();
  EXPECT_EQ(sink.await_lines(*port, 2), (lines{"a", "last"}));
  sender two(port_of(*port));
  two.send("b\n");
  (void)sink.await_lines(*port, 3);
  two.send("torn");
  two.reset();
  sender three(port_of(*port));
  three.send("c\nwithout end");
  (void)sink.await_lines(*port, 4);
  port->stop();
  port->cut();
  EXPECT_EQ(sink.await_lines(*port, 4), (lines{"a", "last", "b", "c"}));
}

TEST_F(SocketListenThreads, a_port_in_use_is_an_error_that_names_it) {
  const auto port = open();
  recording_sink other;
  const auto second = socket::listen{.port = port_of(*port)}.make_port();
  try {
    second->start(other);
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(
        std::string(e.what()),
        "socket listen: the port is in use, by another program or another stream: 127.0.0.1:" +
            std::to_string(port_of(*port)));
  }
  port->stop();
  const auto third = socket::listen{.port = port_of(*port)}.make_port();
  EXPECT_NO_THROW(third->start(other));
  third->stop();
}

TEST_F(SocketListenThreads, further_clients_wait_until_one_leaves) {
  const auto port = open({.max_clients = 2});
  sender one(port_of(*port)), two(port_of(*port));
  one.send("1\n");
  two.send("2\n");
  (void)sink.await_lines(*port, 2);
  sender three(port_of(*port));  // the system takes the connection, and keeps it
  three.send("3\n");
  one.send("4\n");
  lines seen = sink.await_lines(*port, 3);
  EXPECT_EQ(seen[2], "4");
  two.leave();
  EXPECT_EQ(sink.await_lines(*port, 4)[3], "3");
  port->stop();
}

// "Heavy" keeps it from the sanitizers, whose look at types needs descriptors of its own.
using SocketListenHeavy = SocketListenThreads;
TEST_F(SocketListenHeavy, without_file_descriptors_accepting_waits_and_goes_on) {
  const auto port = open();
  std::vector<sender> clients;
  for (int i = 0; i < 5; ++i) clients.emplace_back(port_of(*port));
  clients[0].send("a\n");
  (void)sink.await_lines(*port, 1);
  const sender starved;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 100;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &small), 0);
  std::vector<int> used;
  for (int fd; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) used.push_back(fd);
  EXPECT_EQ(errno, EMFILE);
  starved.connect(port_of(*port));
  starved.send("b\n");
  const lines reports = sink.await_reports(1);
  EXPECT_NE(reports[0].find("no client can be taken now"), std::string::npos) << reports[0];
  clients[1].send("c\n");  // those who are here go on
  EXPECT_EQ(sink.await_lines(*port, 2)[1], "c");
  EXPECT_EQ(sink.reports().size(), 1U);  // said once
  for (const int fd : used) ::close(fd);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(sink.await_lines(*port, 3)[2], "b");
  port->stop();
}

TEST_F(SocketListenThreads, a_line_that_is_too_long_goes_the_way_of_bad_records) {
  {
    const auto port = open({.max_line = 10, .on_bad_record = on_bad_record::quarantine});
    EXPECT_EQ(port->bad_records(), on_bad_record::quarantine);
    sender one(port_of(*port));
    one.send("a\n" + std::string(3'000'000, 'x') + "\nb\n");
    EXPECT_EQ(sink.await_lines(*port, 2), (lines{"a", "b"}));
    const lines rejected = sink.await_rejected(1);
    EXPECT_NE(rejected[0].find("longer than max_line = 10 bytes"), std::string::npos);
    EXPECT_NE(rejected[0].find("client 1 127.0.0.1:"), std::string::npos) << rejected[0];
    EXPECT_TRUE(rejected[0].ends_with(", byte 2: xxxxxxxxxx")) << rejected[0];
    port->stop();
  }
  const auto port = open({.max_line = 10});
  sender one(port_of(*port));
  one.send("elevenchars\n");
  EXPECT_NE(sink.await_failures(1)[0].find("longer than max_line"), std::string::npos);
  port->stop();
}

TEST_F(SocketListenThreads, nothing_is_read_while_there_is_no_room) {
  sink.limit(1);
  const auto port = open();
  sender one(port_of(*port)), two(port_of(*port));
  one.send("a\n");
  for (const auto until = std::chrono::steady_clock::now() + deadline; !sink.paused();)
    ASSERT_LT(std::chrono::steady_clock::now(), until);
  two.send("b\n");
  (void)sink.await_lines(*port, 1);
  sink.limit(SIZE_MAX);
  port->resume();
  EXPECT_EQ(sink.await_lines(*port, 2), (lines{"a", "b"}));
  port->stop();
}

TEST_F(SocketListenThreads, rates_are_kept_and_no_line_is_lost) {
  sink.rate(2000);
  const auto port = open();
  sender one(port_of(*port));
  std::string text;
  for (int i = 0; i < 600; ++i) text += std::to_string(i) + "\n";
  one.send(text);
  const lines all = sink.await_lines(*port, 600);
  EXPECT_EQ(all[599], "599");
  port->stop();  // lines may be stored before their reader has said how many they are
  EXPECT_EQ(sink.throttled(), 600);
}

TEST_F(SocketListenThreads, stop_ends_it_in_every_state) {
  for (int i = 0; i < 40; ++i) {
    const auto port = open({.max_clients = 1 + i % 2});
    std::vector<sender> clients;
    for (int n = 0; n < i % 4; ++n) clients.emplace_back(port_of(*port));
    if (i % 4 > 0) clients[0].send("a\nb");
    if (i % 8 > 4) clients[0].reset();
    if (i % 5 == 4) sink.limit(0), port->resume();
    port->stop();
    port->stop();
    port->cut();
  }
}

TEST(SocketListen, options_that_cannot_be_are_refused) {
  using socket::listen;
  EXPECT_THROW(listen{.bind = "example.org"}.make_port(), usage_error);
  EXPECT_THROW(listen{.max_clients = 0}.make_port(), usage_error);
  EXPECT_THROW(listen{.max_line = 0}.make_port(), usage_error);
  EXPECT_THROW(listen{.max_rate = -1}.make_port(), usage_error);
  EXPECT_NO_THROW(listen{.bind = "::1"}.make_port());
  EXPECT_EQ(listen{}.bind, "127.0.0.1");
}

}  // namespace
}  // namespace millrace::detail
