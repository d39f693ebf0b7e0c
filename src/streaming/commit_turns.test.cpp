#include "streaming/commit_turns.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

using std::chrono::milliseconds;

time_point_ms at(int ms) { return time_point_ms(milliseconds(ms)); }

TEST(CommitTurnsThreads, batches_commit_in_order_of_time) {
  commit_turns turns;
  std::vector<int> committed;
  std::vector<std::thread> threads;
  for (int batch = 1; batch <= 8; ++batch) turns.begin(at(batch));
  for (int batch = 8; batch >= 1; --batch) {
    threads.emplace_back([&turns, &committed, batch] {
      {
        const commit_turns::scope turn(&turns, at(batch));
        commit_turns::await_own();
        committed.push_back(batch);  // one at a time, since the one before has ended
      }
      turns.end(at(batch));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(committed, (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(CommitTurnsThreads, nobody_waits_for_a_batch_that_failed) {
  commit_turns turns;
  turns.begin(at(1));
  turns.begin(at(2));
  std::atomic<bool> refused{false};
  std::thread second([&] {
    const commit_turns::scope turn(&turns, at(2));
    try {
      commit_turns::await_own();
    } catch (const error&) {
      refused = true;
    }
  });
  turns.give_up();
  second.join();
  EXPECT_TRUE(refused);
}

TEST(CommitTurns, outside_of_a_batch_and_without_turns_nobody_waits) {
  commit_turns::await_own();
  commit_turns turns;
  turns.begin(at(1));
  turns.begin(at(2));
  const commit_turns::scope outer(&turns, at(1));
  commit_turns::await_own();
  const commit_turns::scope inner(nullptr, at(2));
  commit_turns::await_own();
}

}  // namespace
}  // namespace millrace::detail
