// The example programs that read from a server: what they print, and that a signal ends them.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace millrace {
namespace {

/// A server for one client, and the example that is the client.
class example {
 public:
  explicit example(const std::string& program) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int pipe[2];
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 1) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        ::pipe(pipe) != 0)
      std::abort();
    const std::string path = std::string(MILLRACE_PROGRAM_DIRECTORY) + "/" + program;
    const std::string port = std::to_string(ntohs(address.sin_port));
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(pipe[1], 1);
      ::close(pipe[0]);
      ::execl(path.c_str(), program.c_str(), "127.0.0.1", port.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(pipe[1]);
    output_ = pipe[0];
  }
  ~example() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    for (const int one : {listener_, client_, output_})
      if (one >= 0) ::close(one);
  }

  void send(const std::string& text) {
    pollfd ready{listener_, POLLIN, 0};
    if (client_ < 0 && ::poll(&ready, 1, deadline_ms) == 1)
      client_ = ::accept(listener_, nullptr, nullptr);
    ASSERT_GE(client_, 0) << "the example does not connect";
    ASSERT_EQ(::send(client_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  /// Reads on until the line was printed; false: it does not come.
  bool prints(const std::string& line) {
    const std::string wanted = "\n" + line + "\n";
    for (;;) {
      const auto found = printed_.find(wanted);
      if (found != std::string::npos) {
        printed_.erase(0, found + wanted.size() - 1);
        return true;
      }
      char some[4096];
      pollfd ready{output_, POLLIN, 0};
      if (::poll(&ready, 1, deadline_ms) != 1) return false;
      const ssize_t n = ::read(output_, some, sizeof some);
      if (n <= 0) return false;
      printed_.append(some, static_cast<std::size_t>(n));
    }
  }
  int end() {
    ::kill(child_, SIGINT);
    int status = -1;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static constexpr int deadline_ms = 20'000;
  int listener_ = -1;
  int client_ = -1;
  int output_ = -1;
  pid_t child_ = -1;
  std::string printed_;
};

TEST(StreamingExamples, stateful_word_count) {
  example program("stateful_network_word_count");
  program.send("hello you\n");
  EXPECT_TRUE(program.prints("(hello,2)"));
  program.send("hello\n");
  EXPECT_TRUE(program.prints("(hello,3)"));
  EXPECT_TRUE(program.prints("(world,1)"));
  EXPECT_EQ(program.end(), 0);
}

TEST(StreamingExamples, windowed_word_count) {
  example program("windowed_word_count");
  program.send("a b a\n");
  EXPECT_TRUE(program.prints("(a,2)"));
  program.send("a\n");
  EXPECT_TRUE(program.prints("(a,3)"));
  EXPECT_TRUE(program.prints("(b,1)"));
  EXPECT_EQ(program.end(), 0);
}

}  // namespace
}  // namespace millrace
