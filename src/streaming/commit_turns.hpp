// Sinks commit batch after batch, also where batches run at the same time.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>

#include "millrace/detail/base/clock.hpp"

namespace millrace::detail {

/// Batches that run and are not done. Any thread.
class commit_turns {
 public:
  /// In order of time, before the batch may run.
  void begin(time_point_ms batch);
  void end(time_point_ms batch);
  /// No batch will be done any more: whoever waits gets an error.
  void give_up();

  /// While it lives, `await_turn_to_commit` on this thread waits for the batches before this one.
  /// Null turns: it does not wait.
  class scope {
   public:
    scope(commit_turns* turns, time_point_ms batch);
    ~scope();
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    friend class commit_turns;
    commit_turns* turns_;
    time_point_ms batch_;
    const scope* before_;
  };
  /// REQUIRES: on a thread that runs a job of a batch.
  static void await_own();

 private:
  void await(time_point_ms batch);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<time_point_ms> running_;
  bool given_up_ = false;
};

}  // namespace millrace::detail
