#include "connectors/socket/text_receiver.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "connectors/socket/recording_sink.test.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;
using lines = recording_sink::lines;

constexpr auto deadline = recording_sink::deadline;

/// A server in the test's hands, with the system's plain sockets.
class server {
 public:
  explicit server(std::uint16_t port = 0) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
      throw std::runtime_error("bind");
    socklen_t size = sizeof at;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    ::listen(listener_, 8);
  }
  ~server() {
    leave();
    ::close(listener_);
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  std::uint16_t port() const { return port_; }
  void accept() {
    leave();
    client_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int yes = 1;
    ::setsockopt(client_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(client_, text.data(), text.size(), MSG_NOSIGNAL);
      ASSERT_GT(n, 0);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  /// What goes without waiting for the receiver.
  std::size_t send_some(std::string_view text) {
    const ssize_t n = ::send(client_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  void leave() {
    if (client_ >= 0) ::close(client_);
    client_ = -1;
  }
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(client_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    leave();
  }

 private:
  int listener_ = -1;
  int client_ = -1;
  std::uint16_t port_ = 0;
};

class SocketTextThreads : public ::testing::Test {
 protected:
  SocketTextThreads() { set_log_level(log_level::off); }
  ~SocketTextThreads() override { set_log_level(log_level::warn); }

  std::unique_ptr<receiver_port> open(socket::text options) {
    options.host = "127.0.0.1";
    options.retry_first = 1ms;
    options.retry_most = 20ms;
    auto port = options.make_port();
    port->start(sink);
    return port;
  }

  recording_sink sink;
};

TEST_F(SocketTextThreads, every_line_end_torn_at_every_position) {
  const std::string text = "one\ntwo\r\nthree\rfour\n\nfive\r\n\r\nlast";
  const lines expected{"one", "two", "three", "four", "", "five", "", "last"};
  server there;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    recording_sink own;
    socket::text options{.host = "127.0.0.1", .port = there.port()};
    const auto port = options.make_port();
    port->start(own);
    there.accept();
    // Only whole lines show that the first part has been read; a piece of one does not.
    std::size_t whole = 0;
    for (std::size_t i = 0; i < cut; ++i)
      whole += text[i] == '\r' || (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) ? 1 : 0;
    there.send(text.substr(0, cut));
    own.await_lines(*port, whole);
    there.send(text.substr(cut));
    there.leave();
    ASSERT_EQ(own.await_lines(*port, expected.size()), expected) << cut;
    port->stop();
  }
}

TEST_F(SocketTextThreads, a_byte_at_a_time) {
  server there;
  const auto port = open({.port = there.port()});
  there.accept();
  for (const char c : std::string_view("slow\r\nand\rsteady\n")) there.send({&c, 1});
  EXPECT_EQ(sink.await_lines(*port, 3), (lines{"slow", "and", "steady"}));
  port->stop();
}

TEST_F(SocketTextThreads, a_server_that_leaves_and_comes_back) {
  server there;
  const auto port = open({.port = there.port()});
  there.accept();
  there.send("first\nin the mid");
  there.leave();
  EXPECT_EQ(sink.await_lines(*port, 2), (lines{"first", "in the mid"}));
  there.accept();
  there.send("dle\n");
  EXPECT_EQ(sink.await_lines(*port, 3).back(), "dle");
  there.leave();
  there.accept();
  there.send("again\n");
  sink.await_lines(*port, 4);
  const lines reports = sink.await_reports(2);
  EXPECT_EQ(reports.size(), 2U);
  EXPECT_NE(reports[0].find("the server closed the connection"), std::string::npos) << reports[0];
  port->stop();
}

TEST_F(SocketTextThreads, a_broken_connection_leaves_no_half_line) {
  server there;
  const auto port = open({.port = there.port()});
  there.accept();
  there.send("whole\n");
  sink.await_lines(*port, 1);
  there.send("hal");
  there.reset();
  there.accept();
  there.send("next\n");
  EXPECT_EQ(sink.await_lines(*port, 2), (lines{"whole", "next"}));
  port->stop();
}

TEST_F(SocketTextThreads, half_a_line_at_the_stop_is_reported) {
  server there;
  const auto port = open({.port = there.port()});
  there.accept();
  there.send("whole\nhalf");
  sink.await_lines(*port, 1);
  port->stop();
  port->cut();
  EXPECT_EQ(sink.reports(), (lines{"socket text 127.0.0.1:" + std::to_string(there.port()) +
                                   ": the beginning of a line was left out, for its end did not "
                                   "come. Bytes: 4"}));
}

TEST_F(SocketTextThreads, a_server_that_comes_late_is_said_once) {
  std::uint16_t free_port = 0;
  {
    const server gone;
    free_port = gone.port();
  }
  const auto port = open({.port = free_port});
  EXPECT_NE(sink.await_reports(1)[0].find("could not connect"), std::string::npos);
  server there(free_port);
  there.accept();
  there.send("hello\n");
  EXPECT_EQ(sink.await_lines(*port, 1), (lines{"hello"}));
  EXPECT_EQ(sink.reports().size(), 1U);
  EXPECT_NE(sink.reports()[0].find("127.0.0.1:" + std::to_string(free_port)), std::string::npos);
  port->stop();
}

TEST_F(SocketTextThreads, a_host_that_nobody_knows_is_reported) {
  socket::text options{.host = "no-such-host.invalid", .port = 9};
  const auto port = options.make_port();
  port->start(sink);
  EXPECT_NE(sink.await_reports(1)[0].find("no-such-host.invalid"), std::string::npos);
  port->stop();
}

TEST_F(SocketTextThreads, a_line_that_is_too_long_fails) {
  server there;
  const auto port = open({.port = there.port(), .max_line = 10});
  there.accept();
  there.send("tenletters\nelevenchars\n");
  sink.await_lines(*port, 1);
  const lines failures = sink.await_failures(1);
  EXPECT_NE(failures[0].find("longer than max_line"), std::string::npos) << failures[0];
  EXPECT_NE(failures[0].find("= 10 bytes"), std::string::npos) << failures[0];
  port->stop();
}

TEST_F(SocketTextThreads, a_line_that_is_too_long_is_skipped_and_counted) {
  server there;
  const auto port =
      open({.port = there.port(), .max_line = 10, .on_bad_record = on_bad_record::skip});
  there.accept();
  there.send("a\n" + std::string(5'000'000, 'x') + "\nb\n");
  EXPECT_EQ(sink.await_lines(*port, 2), (lines{"a", "b"}));
  const lines rejected = sink.await_rejected(1);
  EXPECT_EQ(rejected.size(), 1U);
  EXPECT_NE(rejected[0].find("longer than max_line = 10 bytes"), std::string::npos) << rejected[0];
  EXPECT_TRUE(rejected[0].ends_with(", byte 2: xxxxxxxxxx")) << rejected[0];
  port->stop();
}

TEST_F(SocketTextThreads, nothing_is_read_while_there_is_no_room) {
  server there;
  sink.limit(1 << 20);
  const auto port = open({.port = there.port()});
  there.accept();
  // Until the sink is full and nothing more fits between the two.
  const std::string some = std::string(999, 'r') + "\n";
  std::size_t sent = 0;
  std::size_t rest = 0;
  for (const auto until = std::chrono::steady_clock::now() + deadline;;) {
    const std::size_t n = there.send_some(std::string_view(some).substr(rest));
    sent += n;
    rest = (rest + n) % some.size();
    if (n == 0 && sink.paused()) break;
    ASSERT_LT(std::chrono::steady_clock::now(), until);
  }
  port->cut();
  EXPECT_GE(sink.bytes(), std::size_t{1} << 20);
  EXPECT_LT(sink.bytes(), std::size_t{2} << 20);
  EXPECT_GT(sent, sink.bytes());
  sink.limit(SIZE_MAX);
  port->resume();
  there.send(std::string_view(some).substr(rest));
  sent += some.size() - rest;
  EXPECT_EQ(sink.await_lines(*port, sent / some.size()).size(), sent / some.size());
  port->stop();
}

TEST_F(SocketTextThreads, stop_ends_it_in_every_state) {
  server there;
  for (int i = 0; i < 50; ++i) {
    const auto port = open({.port = there.port()});
    if (i % 5 == 1) there.accept();
    if (i % 5 == 2) there.accept(), there.send("a\nb");
    if (i % 5 == 3) there.accept(), there.leave();
    if (i % 5 == 4) sink.limit(0), port->resume();
    port->stop();
    port->stop();
    port->cut();
  }
}

TEST(SocketText, options_that_cannot_be_are_refused) {
  using socket::text;
  EXPECT_THROW(text{.port = 1}.make_port(), usage_error);
  EXPECT_THROW(text{.host = "x"}.make_port(), usage_error);
  EXPECT_THROW((text{.host = "x", .port = 1, .max_line = 0}.make_port()), usage_error);
  EXPECT_THROW((text{.host = "x", .port = 1, .retry_first = 0ms}.make_port()), usage_error);
  EXPECT_THROW((text{.host = "x", .port = 1, .retry_first = 2s, .retry_most = 1s}.make_port()),
               usage_error);
}

}  // namespace
}  // namespace millrace::detail
