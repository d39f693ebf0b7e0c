// A program that is killed again and again, and an oracle that counts what its sinks have. By
// default ten kills; MILLRACE_FAULT_KILLS and MILLRACE_FAULT_SEED say otherwise (./dev faults).
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "running.hpp"

namespace millrace::fault {
namespace {

TEST(FaultOracle, sees_what_is_planted) {
  constexpr std::int64_t total = 2000;
  std::map<std::int64_t, std::int64_t> seen;
  std::vector<std::string> lines;
  for (std::int64_t i = 0; i < total; ++i) {
    record r = record_at(i);
    r.seen = ++seen[r.key];
    lines.push_back(line_of(r));
  }
  const auto verdict_of = [](const std::vector<std::string>& all) {
    oracle one(total);
    for (const std::string& line : all) one.line(line);
    return one.judge();
  };
  verdict v = verdict_of(lines);
  EXPECT_EQ(v.lost + v.duplicated + v.corrupted + v.out_of_order, 0);
  EXPECT_EQ(v.records, total);

  auto planted = lines;
  planted.erase(planted.begin() + 1999);
  v = verdict_of(planted);
  EXPECT_EQ(v.lost, 1);
  EXPECT_EQ(v.duplicated + v.corrupted + v.out_of_order, 0);

  planted = lines;
  planted.push_back(lines[700]);
  v = verdict_of(planted);
  EXPECT_EQ(v.duplicated, 1);
  EXPECT_EQ(v.lost + v.corrupted + v.out_of_order, 0);

  planted = lines;
  planted[1999][3] ^= 1;
  v = verdict_of(planted);
  EXPECT_EQ(v.corrupted, 1);
  EXPECT_EQ(v.lost, 1);

  // One that is missing in the middle shows in what state has counted, too.
  planted = lines;
  planted.erase(planted.begin() + 700);
  v = verdict_of(planted);
  EXPECT_EQ(v.lost, 1);
  EXPECT_GT(v.out_of_order, 0);
  EXPECT_EQ(v.duplicated + v.corrupted, 0);

  planted = lines;
  const std::int64_t key = record_at(0).key;
  std::size_t other = 1;
  while (record_at(static_cast<std::int64_t>(other)).key != key) ++other;
  std::swap(planted[0], planted[other]);
  v = verdict_of(planted);
  EXPECT_GT(v.out_of_order, 0);
  EXPECT_EQ(v.lost + v.duplicated + v.corrupted, 0);
}

class FaultKills : public struck_program {
 protected:
  void kill_and_judge(const char* mode, std::int64_t a_batch, std::int64_t ms_a_batch,
                      std::uint64_t longest_ms = 350) {
    const long long kills = from_environment("MILLRACE_FAULT_KILLS", 10);
    const long long seed = from_environment("MILLRACE_FAULT_SEED", 1);
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    SCOPED_TRACE("MILLRACE_FAULT_KILLS=" + std::to_string(kills) +
                 " MILLRACE_FAULT_SEED=" + std::to_string(seed) + ", files in " + root_);
    // More than it can read until the last one.
    begin(mode,
          a_batch * (static_cast<std::int64_t>(longest_ms) / ms_a_batch + 5) * (kills + 1) * 2,
          a_batch, ms_a_batch);
    const auto began = std::chrono::steady_clock::now();
    std::chrono::duration<double> lived{};
    for (long long i = 0; i < kills; ++i) {
      const auto started = std::chrono::steady_clock::now();
      const pid_t child = start();
      ASSERT_GT(child, 0);
      std::this_thread::sleep_for(
          std::chrono::microseconds(20'000 + random() % (1'000 * longest_ms - 20'000)));
      ASSERT_EQ(::kill(child, SIGKILL), 0);
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      lived += std::chrono::steady_clock::now() - started;
      ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself, status " << status << said();
      look();
      if (HasFatalFailure()) return;
    }
    const std::int64_t by_then = records();
    const verdict v = finish();
    print("SIGKILL", kills, v);
    std::printf("  %lld records a second until the last kill, starts included; %lld s in all\n",
                static_cast<long long>(static_cast<double>(by_then) / lived.count()),
                static_cast<long long>((std::chrono::steady_clock::now() - began) / 1s));
  }
};

TEST_F(FaultKills, without_state) { kill_and_judge("plain", 500, 10); }
TEST_F(FaultKills, with_state) { kill_and_judge("state", 500, 10); }
TEST_F(FaultKills, with_state_into_files_and_a_database) {
  kill_and_judge("load", 10'000, 50, 1'500);
}
TEST_F(FaultKills, with_state_into_files_of_several_batches) { kill_and_judge("rolled", 500, 10); }
TEST_F(FaultKills, of_what_a_receiver_promised) { kill_and_judge("received", 100, 10); }

}  // namespace
}  // namespace millrace::fault
