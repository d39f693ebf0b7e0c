// Jobs into stages, stages into tasks, tasks to executors; retries, losses, cancelling.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "engine/executor_port.hpp"
#include "engine/kept_blocks.hpp"
#include "engine/stored.hpp"
#include "engine/task_set.hpp"
#include "engine/watchdog.hpp"
#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

/// Any number of jobs at once, each on its caller's thread.
class scheduler {
 public:
  scheduler(engine& owner, std::shared_ptr<executor_port> executors, int max_failures);
  ~scheduler();
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;

  std::vector<task_result> run(const job& what);
  map_outputs& outputs() { return outputs_; }
  kept_blocks& blocks() { return blocks_; }
  /// What each task may hold.
  task_memory memory() const;
  /// A task wrote rows to disk for want of memory.
  void spilled(const task_order& order, int partition, std::string_view operation,
               std::uint64_t rows, std::uint64_t bytes);
  watchdog& dog() { return dog_; }
  /// Lets go of what checkpointed datasets were made of, if no job runs.
  void let_lineages_go();
  /// Cancels the jobs that run now and have this group's id; or this lane; or all.
  void cancel_group(const std::string& id);
  void cancel_lane(const job_lane& lane, const std::string& why);
  void cancel_all();
  /// Cancels all jobs; later ones throw. Ends the executors, unless called from a task of ours:
  /// then that is left to the destructor.
  void stop();
  /// Whether the calling thread runs a task of ours.
  bool in_task() const;
  engine& owner() const { return owner_; }

 private:
  struct running_job;
  template <class Which>
  void cancel_jobs(Which which, const std::string& why);

  /// Computes what is missing of all shuffles that the dataset stands on, deepest first.
  void prepare(running_job& job, const node& dataset);
  void compute(running_job& job, const shuffle& from);
  /// Whether a barrier lies between what is at hand and these rows.
  bool behind_barrier(const node& of) const;
  using taker = std::function<void(int partition, task_report& done)>;
  /// Runs one stage of `of` to its end; false: a map output was lost on the way, and the tasks in
  /// `left` are still to be done after it was computed again.
  bool run_stage(running_job& job, const node& of, std::vector<int>& left,
                 const task_set::body& body, const taker& take);
  /// The same where all tasks run at the same time: when one fails, all of them run again.
  bool run_together(running_job& job, const node& of, std::vector<int>& left,
                    const task_set::body& body, const taker& take);
  /// `together`: which attempt at all of the tasks it is, from 0; -1: each has attempts of its own.
  bool run_tasks(running_job& job, int together, std::vector<int>& left, const task_set::body& body,
                 const taker& take);
  bool may_run_again(const std::exception_ptr& failure, int& losses, int& failures) const;
  [[noreturn]] void fail(running_job& job, const task_set& set, const task_report& report);

  /// What a cancelled job throws.
  std::exception_ptr cancellation(const running_job& job);
  executor_id place(const running_job& job, int task);
  /// Hears what happened to executors; waits up to `timeout` for the first event.
  void watch_executors(std::chrono::milliseconds timeout);
  void publish(event::kind what, const running_job& job, const task_set* set,
               const task_report* report, const std::string& text);

  engine& owner_;
  std::shared_ptr<executor_port> executors_;
  const int max_failures_;
  map_outputs outputs_;
  kept_blocks blocks_;
  watchdog dog_;
  std::atomic<int> next_job_{0};
  std::atomic<int> next_stage_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> executors_ended_{false};  // whatever was sent and has not reported never will

  std::mutex polling_;  // one thread polls the port at a time
  std::mutex mutex_;
  std::map<int, std::uint64_t> alive_;  // slot to epoch
  std::set<std::shared_ptr<task_set>> active_;
  std::set<running_job*> jobs_;
  bool together_ = false;  // a barrier stage runs: two could wait for each other's threads
  std::condition_variable apart_;
};

}  // namespace millrace::detail
