// The threads that watch the batch clock and run batches.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "millrace/detail/base/clock.hpp"
#include "streaming/batch_runner.hpp"

namespace millrace::detail {

/// Leader and followers: of `1 + concurrent_jobs` threads one waits on the clock. When it fires,
/// that thread generates the batch, calls another one to the clock, and runs the batch itself:
/// between the clock and a small job lies no hand-over. Jobs start in order: batches by time,
/// within a batch as registered. A batch that takes longer than the interval delays the next ones;
/// none is left out. In between, the thread at the clock cuts blocks. Where batches are logged,
/// those whose time has come by then are generated together and share the wait for the disk.
class batch_loop {
 public:
  struct options {
    clock* time;
    std::chrono::milliseconds interval;
    int concurrent_jobs = 1;
    std::chrono::milliseconds cut_every{0};  // 0: never
    std::size_t most_waiting = SIZE_MAX;     // so many batches wait: no further one is made
    std::size_t most_together = 1;           // batches that share one wait for the log
    std::function<void()> cut;               // makes blocks of what arrived
    std::function<void()> behind;            // `most_waiting` is reached
    std::function<bool()> holds_records;     // once the inputs are closed
    std::function<void()> ended;             // on the last thread, when it ends
  };

  batch_loop(batch_runner& runner, options o);
  /// Waits for the threads; from one of them, lets them go instead.
  ~batch_loop();

  /// Batches at first, first + interval, … . `keep` stays alive while a thread runs.
  void start(time_point_ms first, std::shared_ptr<void> keep);

  /// The inputs are closed: one more batch if records wait, then what is queued, then the end.
  void finish();
  /// No job is begun any more. Those that run go on.
  void drop();
  /// The first failure counts; the rest as `drop`.
  void fail(std::exception_ptr why) noexcept;

  /// Waits for the end; false: it has not come by then.
  bool wait(const std::chrono::steady_clock::time_point* until = nullptr);
  bool on_own_thread() const;
  /// After the end: returns when the threads are gone. Not from one of them.
  void join();
  std::exception_ptr failure() const;
  std::size_t waiting_batches() const;

 private:
  enum class mode : unsigned char { running, finishing, draining, dropping };

  void work();
  bool run_one(std::unique_lock<std::mutex>& lock);
  bool wait_for(time_point_ms time, bool cutting);
  void watch(std::unique_lock<std::mutex>& lock);
  time_point_ms generate(time_point_ms time, std::size_t most,
                         std::vector<std::shared_ptr<batch>>& made);
  void fail_locked(std::exception_ptr why) noexcept;

  batch_runner& runner_;
  options options_;
  interruption wake_;  // ends the wait on the clock

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::condition_variable over_;
  mode mode_ = mode::running;
  time_point_ms next_{};
  bool watched_ = false;
  bool behind_ = false;  // it has been said that too many wait
  int idle_ = 0;         // threads that wait for something to do
  int running_ = 0;      // jobs
  int alive_ = 0;        // threads
  bool ended_ = false;
  std::deque<std::shared_ptr<batch>> waiting_;  // batches with a job that nobody took
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;

  std::mutex joining_;  // before mutex_
};

}  // namespace millrace::detail
