// SIGINT and SIGTERM while a stream runs, in programs of their own.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "millrace/streaming_context.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;

/// A child process that runs `program`, and lines of one letter to and from it.
class child {
 public:
  template <class F>
  explicit child(F program) {
    if (::pipe(to_.data()) != 0 || ::pipe(from_.data()) != 0) std::abort();
    id_ = ::fork();
    if (id_ != 0) return;
    int code = 99;
    try {
      code = program(*this);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "child: %s\n", e.what());
    }
    ::_exit(code);
  }
  ~child() {
    if (id_ > 0 && !ended_) {
      ::kill(id_, SIGKILL);
      ::waitpid(id_, nullptr, 0);
    }
  }

  // ---- in the child
  void say(char letter) { EXPECT_EQ(::write(from_[1], &letter, 1), 1); }
  void wait_for(char letter) {
    char got = 0;
    while (got != letter)
      if (::read(to_[0], &got, 1) != 1) ::_exit(98);
  }

  // ---- in the test
  void tell(char letter) { EXPECT_EQ(::write(to_[1], &letter, 1), 1); }
  char hear() {
    pollfd ready{from_[0], POLLIN, 0};
    if (::poll(&ready, 1, 20'000) != 1) return '?';
    char got = 0;
    return ::read(from_[0], &got, 1) == 1 ? got : '?';
  }
  void signal(int number) { ::kill(id_, number); }
  bool has_ended() {
    if (!ended_) ended_ = ::waitpid(id_, &status_, WNOHANG) == id_;
    return ended_;
  }
  int status() {
    if (!ended_) ::waitpid(id_, &status_, 0);
    ended_ = true;
    return status_;
  }

 private:
  std::array<int, 2> to_{}, from_{};
  pid_t id_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

bool is_default(int number) {
  struct sigaction now = {};
  ::sigaction(number, nullptr, &now);
  return now.sa_handler == SIG_DFL;
}

/// Batches of 50 ms that say when they begin and end; the first waits for a word from the test.
int run_stream(child& self, streaming_context& ssc) {
  bool first = true;
  ssc.constant_stream(ssc.context().parallelize({1}))
      .for_each_rdd([&self, &first](const rdd<int>& r) {
        self.say('b');
        if (first) self.wait_for('g');
        first = false;
        if (r.count() == 1) self.say('e');
      });
  ssc.start();
  ssc.await_termination();
  if (ssc.state() != streaming_state::stopped) return 1;
  return is_default(SIGINT) && is_default(SIGTERM) ? 0 : 2;
}

int plain_stream(child& self) {
  context sc{{.name = "child", .master = "local[2]"}};
  streaming_context ssc{sc, 50ms};
  return run_stream(self, ssc);
}

TEST(StreamingSignals, the_first_signal_lets_the_batch_finish) {
  for (const int number : {SIGINT, SIGTERM}) {
    child c(plain_stream);
    ASSERT_EQ(c.hear(), 'b');
    c.signal(number);
    c.tell('g');
    EXPECT_EQ(c.hear(), 'e');
    const int status = c.status();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
}

TEST(StreamingSignals, the_second_signal_ends_at_once) {
  child c(plain_stream);
  ASSERT_EQ(c.hear(), 'b');
  // Never told to go on. Two signals at once may count as one: until it is gone.
  for (int i = 0; i < 2000 && !c.has_ended(); ++i) {
    c.signal(SIGINT);
    ::usleep(1000);
  }
  const int status = c.status();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
}

TEST(StreamingSignals, the_programs_own_handler_stays) {
  child c([](child& self) {
    static child* me = nullptr;
    me = &self;
    ::signal(SIGINT, [](int) { me->say('h'); });
    context sc{{.name = "child", .master = "local[2]"}};
    streaming_context ssc{sc, 50ms};
    ssc.constant_stream(sc.parallelize({1})).for_each_rdd([](const rdd<int>&) {});
    ssc.start();
    self.say('s');
    self.wait_for('g');
    if (ssc.state() != streaming_state::active) return 1;
    ssc.stop();
    return is_default(SIGINT) ? 2 : 0;
  });
  ASSERT_EQ(c.hear(), 's');
  c.signal(SIGINT);
  EXPECT_EQ(c.hear(), 'h');
  c.tell('g');
  const int status = c.status();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(StreamingSignals, a_program_may_want_none_of_it) {
  child c([](child& self) {
    streaming_context ssc{{.master = "local[2]", .batch = 50ms, .signals = false}};
    return run_stream(self, ssc);
  });
  ASSERT_EQ(c.hear(), 'b');
  c.signal(SIGTERM);
  const int status = c.status();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
}

TEST(StreamingSignals, signals_go_back_when_the_stream_stops_and_come_again_with_the_next) {
  child c([](child& self) {
    for (int i = 0; i < 20; ++i) {
      context sc{{.name = "child", .master = "local[2]"}};
      streaming_context ssc{sc, 50ms};
      ssc.constant_stream(sc.parallelize({1})).for_each_rdd([](const rdd<int>&) {});
      ssc.start();
      if (is_default(SIGINT) || is_default(SIGTERM)) return 1;
      ssc.stop();
      if (!is_default(SIGINT) || !is_default(SIGTERM)) return 2;
    }
    return plain_stream(self);
  });
  ASSERT_EQ(c.hear(), 'b');
  c.signal(SIGINT);
  c.tell('g');
  EXPECT_EQ(c.hear(), 'e');
  const int status = c.status();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(StreamingSignals, an_error_that_nobody_catches_ends_the_program_with_its_text) {
  std::array<int, 2> err{};
  ASSERT_EQ(::pipe(err.data()), 0);
  child c([&](child&) -> int {
    ::dup2(err[1], 2);
    context sc{{.name = "child", .master = "local[2]"}};
    streaming_context ssc{sc, 50ms};
    ssc.constant_stream(sc.parallelize({1})).for_each_rdd([](const rdd<int>& r) {
      r.map([](int) -> int { throw std::runtime_error("this word is bad"); }).count();
    });
    ssc.start();
    [&]() noexcept { ssc.await_termination(); }();
    return 0;
  });
  ::close(err[1]);
  std::string text;
  for (std::array<char, 256> some{};;) {
    const ssize_t n = ::read(err[0], some.data(), some.size());
    if (n <= 0) break;
    text.append(some.data(), static_cast<std::size_t>(n));
  }
  ::close(err[0]);
  const int status = c.status();
  EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  const auto at = text.find("this word is bad");
  ASSERT_NE(at, std::string::npos) << text;
  EXPECT_EQ(text.find("this word is bad", at + 1), std::string::npos) << text;
}

}  // namespace
}  // namespace millrace
