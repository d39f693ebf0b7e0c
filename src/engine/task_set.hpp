// The tasks of one stage that run together, and where their reports arrive.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/executor_port.hpp"
#include "engine/gathering.hpp"
#include "millrace/detail/engine/accumulators.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

class scheduler;

/// Of the task that the calling thread runs; -1: it runs none.
struct task_place {
  int job = -1;
  int stage = -1;
};
task_place running_task();

/// How one attempt ended.
struct task_report {
  enum class outcome { done, failed, fetch_failed, cancelled, lost } what = outcome::done;
  int index = 0;
  int attempt = 0;
  int slot = 0;
  std::uint64_t epoch = 0;
  task_result result{};
  std::exception_ptr failure{};
  std::string operation{};
  std::int64_t row = -1;
  std::chrono::nanoseconds cost{0};
  accumulator_updates updates{};
};

/// Shared by the job that waits and the executors that work. Any thread.
class task_set {
 public:
  using body = std::function<task_result(task_context& task, int partition)>;

  /// `together`: the tasks run at the same time, and may meet.
  task_set(scheduler& owner, std::string_view action, int job, int stage, std::int64_t batch_time,
           std::vector<int> partitions, body run, bool together)
      : owner_(owner),
        action_(action),
        job_(job),
        stage_(stage),
        batch_time_(batch_time),
        partitions_(std::move(partitions)),
        run_(std::move(run)),
        gathering_(together ? std::make_unique<gathering>(size()) : nullptr) {}

  int job() const { return job_; }
  int stage() const { return stage_; }
  int size() const { return static_cast<int>(partitions_.size()); }
  int partition(int index) const { return partitions_[static_cast<std::size_t>(index)]; }

  /// Runs one attempt and delivers its report.
  void run(const task_order& order);
  void deliver(task_report report);
  /// Reports that an executor is gone with all that it ran: a report with index -1.
  void lose(int slot, std::uint64_t epoch);
  /// The reports that arrived; waits up to `timeout` for one.
  std::vector<task_report> take(std::chrono::milliseconds timeout);

  void cancel();
  const std::atomic<bool>& cancelling() const { return cancel_; }

 private:
  scheduler& owner_;
  const std::string_view action_;
  const int job_;
  const int stage_;
  const std::int64_t batch_time_;  // -1: it is of no batch
  const std::vector<int> partitions_;
  const body run_;
  const std::unique_ptr<gathering> gathering_;
  std::atomic<bool> cancel_{false};
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<task_report> reports_;
};

}  // namespace millrace::detail
