// A program that is struck in each phase of a batch: killed, told to stop, or cut off and taken
// over. MILLRACE_FAULT_IN_EACH_PHASE says how often in each (./dev faults).
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "phases.hpp"
#include "running.hpp"

namespace millrace::fault {
namespace {

/// Which programs meet it.
const char* mode_of(phase p) {
  const bool received = p == phase::wal_append || p == phase::wal_sync;
  return received ? "received" : "load";
}

class FaultPhasesHeavy : public struck_program {
 protected:
  /// Of all phases, those that the programs of a mode meet.
  static std::vector<phase> phases_of(const std::string& mode) {
    std::vector<phase> all;
    for (std::size_t i = 0; i < phase_names.size(); ++i)
      if (mode_of(static_cast<phase>(i)) == mode) all.push_back(static_cast<phase>(i));
    return all;
  }
  void begin_mode(const std::string& mode, long long lives) {
    if (mode == "load") begin(mode, 2'000 * 200 * lives, 2'000, 20);
    else begin(mode, 0, 20, 20);
  }

  /// When in a life: not always the first time.
  std::string fault_at(phase p, const char* what) {
    // Rows are many, calls a batch or a checkpoint few.
    const std::uint64_t most = p == phase::compute ? 20'000 : p == phase::receive ? 8 : 4;
    static constexpr const char* moments[] = {"before", "within", "after"};
    return std::string(phase_names.at(static_cast<std::size_t>(p))) + ":" +
           std::to_string(1 + random_() % most) + ":" + what + ":" + moments[random_() % 3];
  }

  /// Lives that are struck by `what` in each phase; `then` sees to what follows, with the life's
  /// process.
  template <class F>
  void strike_everywhere(const char* what, F then) {
    const long long times = from_environment("MILLRACE_FAULT_IN_EACH_PHASE", 1);
    const long long seed = from_environment("MILLRACE_FAULT_SEED", 1);
    random_.seed(static_cast<std::uint64_t>(seed));
    std::map<phase, long long> hit;
    long long all = 0;
    for (const std::string mode : {"load", "received"}) {
      const std::vector<phase> phases = phases_of(mode);
      const long long lives = times * static_cast<long long>(phases.size());
      begin_mode(mode, lives);
      for (long long i = 0; i < times; ++i) {
        for (const phase p : phases) {
          const std::string fault = fault_at(p, what);
          struck_in_ = p;
          SCOPED_TRACE(fault + ", MILLRACE_FAULT_SEED=" + std::to_string(seed) + ", files in " +
                       root_);
          const pid_t child = start(fault);
          ASSERT_GT(child, 0);
          const auto deadline = std::chrono::steady_clock::now() + 60s;
          int status = 0;
          bool ended = false;
          while (!struck() && !ended && std::chrono::steady_clock::now() < deadline)
            ended = await_end(child, status, 1ms);
          ASSERT_TRUE(struck()) << "the phase was not met; status " << status << ": " << said();
          if (ended) then(-1, status);
          else then(child, 0);
          if (HasFatalFailure()) return;
          ++hit[p];
          look();
          if (HasFatalFailure()) return;
        }
      }
      all += lives;
      print(what, lives, finish());
    }
    std::printf("  phases:");
    for (const auto& [p, n] : hit)
      std::printf(" %s %lld", phase_names.at(static_cast<std::size_t>(p)), n);
    std::printf("; in all %lld\n", all);
    EXPECT_EQ(hit.size(), phase_names.size());
  }

  std::mt19937_64 random_;
  phase struck_in_{};
};

TEST_F(FaultPhasesHeavy, killed_in_each) {
  strike_everywhere("KILL", [](pid_t child, int status) {
    if (child > 0) status = end_of(child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  });
}

TEST_F(FaultPhasesHeavy, told_to_stop_in_each) {
  strike_everywhere("TERM", [this](pid_t child, int status) {
    if (child > 0) status = end_of(child);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status << ": " << said();
  });
}

TEST_F(FaultPhasesHeavy, a_call_that_fails_once_in_each) {
  for (const char* what : {"EINTR", "cut", "EIO", "EROFS", "ENOSPC", "EDQUOT"}) {
    strike_everywhere(what, [&](pid_t child, int status) {
      const std::int64_t before = records();
      const auto deadline = std::chrono::steady_clock::now() + 60s;
      bool ended = child < 0;
      while (!ended && records() <= before && std::chrono::steady_clock::now() < deadline) {
        ended = await_end(child, status, 5ms);
        look();
        if (HasFatalFailure()) break;
      }
      if (!ended) {  // it goes on
        EXPECT_GT(records(), before) << said();
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        return;
      }
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status << ": " << said();
      // What is no failure stops nothing; SQLite has ways of its own.
      const bool harmless = what == std::string_view("EINTR") || what == std::string_view("cut");
      EXPECT_TRUE(!harmless || struck_in_ == phase::sql_commit) << said();
    });
  }
}

/// Calls that change files of a script of 20 batches: about one of 20 with one round of
/// MILLRACE_FAULT_IN_EACH_PHASE, each with 40.
TEST_F(FaultPhasesHeavy, each_call_of_a_script_that_fails_once) {
  const auto steps = static_cast<std::uint64_t>(
      std::max(1LL, 40 / std::max(1LL, from_environment("MILLRACE_FAULT_IN_EACH_PHASE", 1))));
  random_.seed(static_cast<std::uint64_t>(from_environment("MILLRACE_FAULT_SEED", 1)));
  for (const char* what : {"KILL", "EINTR", "cut", "EIO", "EROFS", "ENOSPC"}) {
    long long lives = 0;
    bool over = false;
    std::int64_t records_of_all = 0;
    for (std::uint64_t n = 1; !over; n += 1 + random_() % steps) {
      const std::string fault = "call:" + std::to_string(n) + ":" + what + ":before";
      SCOPED_TRACE(fault + ", files in " + root_);
      begin("state", 20 * 20, 20, 5);
      const pid_t child = start(fault);
      ASSERT_GT(child, 0);
      const auto deadline = std::chrono::steady_clock::now() + 60s;
      int status = 0;
      bool ended = false;
      while (!ended && !complete() && !HasFatalFailure() &&
             std::chrono::steady_clock::now() < deadline)
        ended = await_end(child, status, 1ms);
      if (HasFatalFailure()) return;
      const bool hit = struck();
      if (!ended) {
        EXPECT_TRUE(complete()) << said();
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        ASSERT_EQ(::waitpid(child, &status, 0), child);
      } else if (what == std::string_view("KILL")) {
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
      } else {
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status << ": " << said();
        EXPECT_TRUE(what != std::string_view("EINTR") && what != std::string_view("cut")) << said();
      }
      EXPECT_TRUE(hit || !ended) << said();
      // All may have come before it was struck.
      const verdict v = complete() ? by_files_.judge() : finish();
      EXPECT_TRUE(v.clean() && v.lost == 0 && v.records == total_) << said();
      if (HasFailure()) return;
      records_of_all += v.records;
      over = !hit;
      lives += hit ? 1 : 0;
    }
    EXPECT_GT(lives, 2);
    std::printf("%s at %lld calls, %lld records, none lost, twice, damaged or out of order\n", what,
                lives, static_cast<long long>(records_of_all));
  }
}

/// The machine's clock is set while the program runs: its batches do not stand still, do not come
/// in a storm, and none has the time of another.
TEST_F(FaultPhasesHeavy, the_clock_is_set_on_and_back) {
  for (const char* what : {"a day on", "an hour back"}) {
    SCOPED_TRACE(what);
    begin("plain", 500'000, 10, 10);
    const pid_t child = start(std::string("receive:30:") + what);
    ASSERT_GT(child, 0);
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    int status = 0;
    bool ended = false;
    const auto until = [&](const auto& there) {
      while (!ended && !there() && !HasFatalFailure() &&
             std::chrono::steady_clock::now() < deadline) {
        ended = await_end(child, status, 1ms);
        look();
      }
    };
    until([&] { return struck(); });
    ASSERT_TRUE(struck()) << said();
    const std::int64_t before = records();
    until([&] { return records() >= before + 200 * 10; });
    EXPECT_GE(records(), before + 200 * 10) << said();
    ASSERT_FALSE(ended) << status << ": " << said();
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    // Its files are named by batch.
    std::set<long long> batches;
    for (const auto& file : fs::directory_iterator(root_ + "/output/files")) {
      const std::string name = file.path().filename();
      if (!name.starts_with('.')) batches.insert(std::stoll(name));
    }
    ASSERT_GE(batches.size(), 200U);
    long long last = *batches.begin() - 10;
    for (const long long batch : batches) EXPECT_EQ(batch, std::exchange(last, batch) + 10);
    EXPECT_LE(last, now.count() + 10);  // where it was, and not a day ahead or on its way there
    finish();
  }
}

TEST_F(FaultPhasesHeavy, cut_off_in_each_and_taken_over) {
  strike_everywhere("STOP", [this](pid_t zombie, int) {
    ASSERT_GT(zombie, 0);
    int status = 0;
    ASSERT_EQ(::waitpid(zombie, &status, WUNTRACED), zombie);
    ASSERT_TRUE(WIFSTOPPED(status)) << status;
    // As where the lock does not reach: another machine, a file system that lost sight of it.
    fs::remove(root_ + "/checkpoint/lock");
    const pid_t next = start();
    const std::int64_t before = records();
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (records() <= before && std::chrono::steady_clock::now() < deadline) {
      look();
      if (HasFatalFailure()) break;
      ASSERT_EQ(::waitpid(next, &status, WNOHANG), 0) << status << ": " << said();
    }
    ASSERT_EQ(::kill(zombie, SIGCONT), 0);
    status = end_of(zombie);
    // It may have nothing left to write that another run could mind.
    EXPECT_TRUE(WIFEXITED(status)) << status;
    EXPECT_NE(WEXITSTATUS(status), 0) << said();
    look();
    ASSERT_EQ(::kill(next, SIGKILL), 0);
    ASSERT_EQ(::waitpid(next, &status, 0), next);
  });
}

}  // namespace
}  // namespace millrace::fault
