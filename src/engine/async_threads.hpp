// The threads of asynchronous actions.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace millrace::detail {

/// One thread an action. Any thread may call any member.
class async_threads {
 public:
  ~async_threads() { join(); }

  void start(std::function<void()> work);
  /// Waits for all but the calling thread, which may be one of them when it lets go of the last
  /// handle of its context.
  void join();

 private:
  struct one {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> ended;
  };
  std::mutex mutex_;
  std::list<one> threads_;
};

}  // namespace millrace::detail
