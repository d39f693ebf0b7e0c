// Tasks that run at the same time and meet.
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <string>

#include "millrace/barrier.hpp"
#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;

strings what_all_said(partition_rows<std::int64_t>& rows) {
  std::int64_t sum = 0;
  for (const std::int64_t n : rows) sum += n;
  const auto tasks = barrier_tasks::current();
  strings said = tasks.all_gather(std::to_string(sum));
  tasks.wait();
  for (const auto& again : tasks.all_gather(std::to_string(tasks.partition())))
    said.push_back(again);
  return said;
}

TEST(RddBarrierThreads, tasks_hear_each_other) {
  const context sc{{.master = "local[4]"}};
  for (int round = 0; round < 50; ++round) {
    const auto parts = by_partition(sc.range(0, 40, 1, 4).barrier().map_partitions(what_all_said));
    EXPECT_EQ(parts, std::vector(4, strings{"45", "145", "245", "345", "0", "1", "2", "3"}));
  }
}

TEST(RddBarrierThreads, one_task_meets_itself) {
  const context sc{{.master = "local[1]"}};
  EXPECT_EQ(sc.range(0, 10, 1, 1).barrier().map_partitions(what_all_said).collect(),
            (strings{"45", "0"}));
}

TEST(RddBarrierThreads, holds_up_to_a_shuffle_and_in_the_stage_that_feeds_it) {
  const context sc{{.master = "local[2]"}};
  const auto sums = sc.range(0, 20, 1, 2)
                        .barrier()
                        .map_partitions(what_all_said)
                        .map([](const std::string& text) { return std::pair{text, 1}; })
                        .reduce_by_key(std::plus<>{}, 3);
  EXPECT_EQ(sums.collect_as_map().at("45"), 2);
  EXPECT_EQ(sums.partitions(), 3);
  EXPECT_EQ(sums.take(1).size(), 1U);  // the stage after the shuffle is a usual one
}

TEST(RddBarrierThreads, what_is_kept_needs_no_meeting) {
  const context sc{{.master = "local[2]"}};
  const auto kept = sc.range(0, 20, 1, 2).barrier().map_partitions(what_all_said).cache();
  EXPECT_THROW(kept.take(1), usage_error);
  EXPECT_EQ(kept.count(), 8);
  EXPECT_EQ(kept.take(1), (strings{"45"}));
}

TEST(RddBarrierThreads, when_one_fails_all_run_again) {
  const context sc{{.master = "local[3,3]"}};
  std::atomic<int> begun{0}, failed{0};
  const auto counted = sc.accumulator<std::int64_t>("done");
  const auto seen = sc.range(0, 3, 1, 3)
                        .barrier()
                        .map_partitions([&](partition_rows<std::int64_t>& rows) {
                          ++begun;
                          counted += 1;
                          const auto tasks = barrier_tasks::current();
                          tasks.wait();
                          if (tasks.partition() == 1 && failed.fetch_add(1) < 2)
                            throw std::runtime_error("not yet");
                          return tasks.all_gather(std::to_string(*rows.begin()));
                        })
                        .collect();
  EXPECT_EQ(seen, (strings{"0", "1", "2", "0", "1", "2", "0", "1", "2"}));
  EXPECT_EQ(begun, 9);
  EXPECT_EQ(counted.value(), 3);
}

TEST(RddBarrierThreads, when_the_process_of_one_is_lost_all_run_again) {
  const context sc{{.master = "local[2]"}};
  std::atomic<int> lost{0};
  const auto seen = sc.range(0, 2, 1, 2)
                        .barrier()
                        .map_partitions([&lost](partition_rows<std::int64_t>& rows) {
                          const auto tasks = barrier_tasks::current();
                          tasks.wait();
                          if (tasks.partition() == 1 && lost.fetch_add(1) < 2)
                            throw detail::process_lost("it is gone");
                          return tasks.all_gather(std::to_string(*rows.begin()));
                        })
                        .collect();
  EXPECT_EQ(seen, (strings{"0", "1", "0", "1"}));
  EXPECT_EQ(lost, 3);
}

TEST(RddBarrierThreads, a_failure_frees_those_who_wait_and_is_told) {
  const context sc{{.master = "local[4]"}};
  const auto stuck =
      sc.range(0, 4, 1, 4).barrier().map_partitions([](partition_rows<std::int64_t>&) -> strings {
        const auto tasks = barrier_tasks::current();
        if (tasks.partition() == 2) throw std::runtime_error("it broke");
        return tasks.all_gather("");
      });
  const std::string text = error_of<job_error>([&] { stuck.count(); });
  EXPECT_NE(text.find("it broke"), std::string::npos) << text;
  EXPECT_NE(text.find("partition 2"), std::string::npos) << text;
  EXPECT_EQ(sc.range(0, 8, 1, 4).count(), 8);  // the threads are free again
}

TEST(RddBarrierThreads, a_cancelled_job_frees_those_who_wait) {
  const context sc{{.master = "local[2]"}};
  std::atomic<int> waiting{0};
  const auto job = sc.range(0, 2, 1, 2)
                       .barrier()
                       .map_partitions([&](partition_rows<std::int64_t>&) -> strings {
                         const auto tasks = barrier_tasks::current();
                         ++waiting;
                         if (tasks.partition() == 0) tasks.wait();
                         while (true) tasks.wait();  // one more time than the other one
                       })
                       .count_async();
  while (waiting != 2) std::this_thread::yield();
  sc.cancel_all_jobs();
  EXPECT_NE(error_of<error>([&] { job.get(); }).find("cancelled"), std::string::npos);
}

TEST(RddBarrierThreads, misuse_is_told_with_the_numbers) {
  const context sc{{.master = "local[2]"}};
  const auto three = sc.range(0, 9, 1, 3).barrier();
  EXPECT_NE(error_of<usage_error>([&] { three.count(); }).find("3 and 2"), std::string::npos);
  const auto two = sc.range(0, 9, 1, 2).barrier();
  EXPECT_NE(error_of<usage_error>([&] { two.take(1); }).find("1 and 2"), std::string::npos);
  EXPECT_NE(error_of<usage_error>([&] { two.coalesce(1); }).find("2 and 1"), std::string::npos);
  EXPECT_NE(error_of<usage_error>([&] { two.union_with(two); }).find("2 and 4"), std::string::npos);
  EXPECT_THROW(barrier_tasks::current(), usage_error);
  EXPECT_THROW(sc.range(0, 9, 1, 2).map_partitions(what_all_said).count(), usage_error);
}

}  // namespace
}  // namespace millrace
