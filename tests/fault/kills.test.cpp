// A program that is killed again and again, and an oracle that counts what its sink has. By default
// ten kills; MILLRACE_FAULT_KILLS and MILLRACE_FAULT_SEED say otherwise (./dev faults).
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "records.hpp"

namespace millrace::fault {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

long long from_environment(const char* name, long long otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

verdict judge(const std::string& output, std::int64_t total) {
  std::vector<std::string> batches;
  for (const auto& entry : fs::directory_iterator(output))
    if (!entry.path().filename().string().starts_with('.')) batches.push_back(entry.path());
  std::sort(batches.begin(), batches.end());
  oracle all(total);
  for (const std::string& batch : batches) {
    std::ifstream file(batch);
    for (std::string line; std::getline(file, line);) all.line(line);
  }
  return all.judge();
}

TEST(FaultOracle, sees_what_is_planted) {
  constexpr std::int64_t total = 2000;
  std::map<std::int64_t, std::int64_t> seen;
  std::vector<std::string> lines;
  for (std::int64_t i = 0; i < total; ++i) {
    record r = record_at(i);
    r.seen = ++seen[r.key];
    lines.push_back(line_of(r));
    lines.back().pop_back();
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
  planted[700][3] ^= 1;
  v = verdict_of(planted);
  EXPECT_EQ(v.corrupted, 1);
  EXPECT_EQ(v.lost, 1);

  planted = lines;
  const std::int64_t key = record_at(0).key;
  std::size_t other = 1;
  while (record_at(static_cast<std::int64_t>(other)).key != key) ++other;
  std::swap(planted[0], planted[other]);
  v = verdict_of(planted);
  EXPECT_EQ(v.out_of_order, 2);
  EXPECT_EQ(v.lost + v.duplicated + v.corrupted, 0);
}

class FaultKills : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace_faults_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root_ = name;
    fs::create_directory(root_ + "/output");
  }
  void TearDown() override {
    if (!HasFailure()) fs::remove_all(root_);
  }

  pid_t start(const char* mode, std::int64_t total, std::int64_t a_batch) {
    const std::string program = std::string(MILLRACE_PROGRAM_DIRECTORY) + "/millrace_fault_program";
    const std::string records = std::to_string(total);
    const std::string batch = std::to_string(a_batch);
    const std::string output = root_ + "/output";
    const std::string checkpoint = "--checkpoint=" + root_ + "/checkpoint";
    const char* const arguments[] = {
        program.c_str(),    records.c_str(), batch.c_str(), output.c_str(), mode,
        checkpoint.c_str(), nullptr};
    const pid_t child = ::fork();
    if (child == 0) {
      ::execv(program.c_str(), const_cast<char* const*>(arguments));
      ::_exit(127);
    }
    return child;
  }

  /// Its wait status; a program that does not end is killed.
  static int end_of(pid_t child) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > deadline) {
        ::kill(child, SIGKILL);
        ::waitpid(child, &status, 0);
        break;
      }
      std::this_thread::sleep_for(10ms);
    }
    return status;
  }

  void kill_and_judge(const char* mode);

  std::string root_;
};

void FaultKills::kill_and_judge(const char* mode) {
  const long long kills = from_environment("MILLRACE_FAULT_KILLS", 10);
  const long long seed = from_environment("MILLRACE_FAULT_SEED", 1);
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  constexpr std::int64_t a_batch = 500;
  const std::int64_t total = a_batch * 25 * (kills + 1);
  SCOPED_TRACE("MILLRACE_FAULT_KILLS=" + std::to_string(kills) +
               " MILLRACE_FAULT_SEED=" + std::to_string(seed) + ", files in " + root_);
  for (long long i = 0; i < kills; ++i) {
    const pid_t child = start(mode, total, a_batch);
    ASSERT_GT(child, 0);
    std::this_thread::sleep_for(std::chrono::microseconds(20'000 + random() % 330'000));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself, status " << status;
    const verdict v = judge(root_ + "/output", total);
    ASSERT_EQ(v.duplicated, 0);
    ASSERT_EQ(v.corrupted, 0);
    ASSERT_EQ(v.out_of_order, 0);
  }
  const pid_t child = start(mode, total, a_batch);
  ASSERT_GT(child, 0);
  const auto deadline = std::chrono::steady_clock::now() + 60s + kills * 1s;
  while (judge(root_ + "/output", total).lost != 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(100ms);
  ASSERT_EQ(::kill(child, SIGTERM), 0);
  const int status = end_of(child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  const verdict v = judge(root_ + "/output", total);
  EXPECT_EQ(v.lost, 0);
  EXPECT_EQ(v.duplicated, 0);
  EXPECT_EQ(v.corrupted, 0);
  EXPECT_EQ(v.out_of_order, 0);
  EXPECT_EQ(v.records, total);
  std::printf(
      "kills %lld, records %lld: lost %lld, duplicated %lld, corrupted %lld, out of order "
      "%lld\n",
      kills, static_cast<long long>(v.records), static_cast<long long>(v.lost),
      static_cast<long long>(v.duplicated), static_cast<long long>(v.corrupted),
      static_cast<long long>(v.out_of_order));
}

TEST_F(FaultKills, without_state) { kill_and_judge("plain"); }
TEST_F(FaultKills, with_state) { kill_and_judge("state"); }

}  // namespace
}  // namespace millrace::fault
