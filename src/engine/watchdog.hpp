// Says which tasks take too long while they do.
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <string_view>
#include <thread>

#include "millrace/detail/base/events.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

/// Looks at the running tasks now and then, and names each that has run for longer than the limit,
/// once, with its stack, in the log and as an event (`task_slow`): a function that never ends
/// cannot say so itself. Any thread. Its thread starts with the first task.
class watchdog {
 public:
  /// `limit` zero: nothing is watched.
  watchdog(event_bus& events, std::chrono::nanoseconds limit) : events_(events), limit_(limit) {}
  ~watchdog() { stop(); }
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

  struct task {
    const task_context* at_work;
    std::string_view action;
    int job;
    int stage;
    std::chrono::steady_clock::time_point begin;
    pthread_t thread = pthread_self();
    bool named = false;
  };
  /// A task is watched as long as this lives.
  class watch {
   public:
    watch(watchdog& by, const task& of);
    ~watch();
    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;

   private:
    watchdog* by_;
    std::list<task>::iterator place_;
  };

  /// Waits for its thread.
  void stop();

 private:
  void look_around();
  /// Needs the lock: the task may be about to end.
  static event description_of(const task& slow, std::chrono::steady_clock::duration since);

  event_bus& events_;
  const std::chrono::nanoseconds limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<task> tasks_;  // oldest first
  std::thread thread_;
  bool stopping_ = false;
};

}  // namespace millrace::detail
