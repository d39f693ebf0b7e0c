#include "program/supervise.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "millrace/detail/base/log.hpp"

namespace millrace::program {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Supervise : public ::testing::Test {
 protected:
  Supervise() {
    detail::set_log_level(detail::log_level::off);
    std::string name = (fs::temp_directory_path() / "millrace_supervise_XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~Supervise() override {
    detail::set_log_level(detail::log_level::warn);
    fs::remove_all(directory_);
  }

  /// A script whose $1 is a file to which each of its runs adds a line first.
  supervision of(const std::string& script) const {
    supervision how;
    how.program = "/bin/sh";
    how.arguments = {"sh", "-c", "echo run >> \"$1\"\n" + script, "sh", runs_file()};
    how.most_restarts = 3;
    how.first_pause = 1ms;
    return how;
  }
  std::string runs_file() const { return directory_ + "/runs"; }
  int runs() const {
    std::ifstream in(runs_file());
    int n = 0;
    for (std::string line; std::getline(in, line);) ++n;
    return n;
  }

  /// Supervises in a process of its own, to which signals can be sent.
  static pid_t begin(const supervision& how) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(supervise(how));
    return child;
  }
  static int status_of(pid_t process) {
    int status = 0;
    EXPECT_EQ(::waitpid(process, &status, 0), process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  void await_runs(int n) const {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (runs() < n && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    ASSERT_GE(runs(), n);
  }

  std::string directory_;
};

TEST_F(Supervise, a_program_that_ends_well_is_not_started_again) {
  EXPECT_EQ(supervise(of("exit 0")), 0);
  EXPECT_EQ(runs(), 1);
}

TEST_F(Supervise, one_that_can_not_be_is_not_started_again) {
  EXPECT_EQ(supervise(of("exit 2")), 2);
  EXPECT_EQ(runs(), 1);
  supervision none = of("");
  none.program = "/no/such/program";
  EXPECT_EQ(supervise(none), 127);
}

TEST_F(Supervise, one_that_dies_is_started_again_up_to_a_limit) {
  EXPECT_EQ(supervise(of("exit 1")), 1);
  EXPECT_EQ(runs(), 4);
}

TEST_F(Supervise, one_that_dies_and_then_ends_well) {
  EXPECT_EQ(supervise(of("test $(wc -l < \"$1\") -ge 3 || kill -KILL $$")), 0);
  EXPECT_EQ(runs(), 3);
}

TEST_F(Supervise, a_signal_that_ended_it_is_its_status) {
  supervision how = of("kill -KILL $$");
  how.most_restarts = 0;
  EXPECT_EQ(supervise(how), 128 + SIGKILL);
}

TEST_F(Supervise, a_run_that_lasts_begins_a_new_row) {
  supervision how = of("test $(wc -l < \"$1\") -ge 9 && exit 0; exit 1");
  how.steady = 0ms;
  how.most_restarts = 1;
  EXPECT_EQ(supervise(how), 0);
  EXPECT_EQ(runs(), 9);
}

TEST_F(Supervise, signals_are_passed_on_and_end_it_for_good) {
  const pid_t process =
      begin(of("trap 'exit 0' TERM; trap 'echo usr >> \"$1\"' USR1\n"
               "echo ready >> \"$1\"; while :; do sleep 0.01; done"));
  await_runs(2);
  EXPECT_EQ(::kill(process, SIGUSR1), 0);
  await_runs(3);
  EXPECT_EQ(::kill(process, SIGTERM), 0);
  EXPECT_EQ(status_of(process), 0);
  EXPECT_EQ(runs(), 3);
}

TEST_F(Supervise, a_stop_during_a_pause_ends_it) {
  supervision how = of("exit 1");
  how.first_pause = 1h;
  how.longest_pause = 1h;
  const pid_t process = begin(how);
  await_runs(1);
  EXPECT_EQ(::kill(process, SIGTERM), 0);
  EXPECT_EQ(status_of(process), 1);
  EXPECT_EQ(runs(), 1);
}

TEST_F(Supervise, the_program_is_told_to_stop_when_its_supervisor_is_killed) {
  const pid_t process =
      begin(of("trap 'echo told >> \"$1\"; exit 0' TERM\n"
               "echo ready >> \"$1\"; while :; do sleep 0.01; done"));
  await_runs(2);
  EXPECT_EQ(::kill(process, SIGKILL), 0);
  EXPECT_EQ(status_of(process), -SIGKILL);
  await_runs(3);
}

}  // namespace
}  // namespace millrace::program
