// What is written again once a full disk has room.
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>

#include "millrace/detail/base/events.hpp"
#include "millrace/detail/storage/file_system.hpp"

namespace millrace::detail {

/// Any thread may call any member.
class waiting_for_room {
 public:
  explicit waiting_for_room(event_bus& events) : events_(events) {}

  /// Calls `f`, and again with growing pauses for as long as it fails for want of room on a disk.
  /// Throws what else it throws, and the last failure once nobody waits any more.
  template <class F>
  void run(std::string_view what, F f) {
    for (int tries = 0;; ++tries) {
      try {
        f();
        if (tries != 0) goes_on(what);
        return;
      } catch (...) {
        const std::exception_ptr why = std::current_exception();
        if (!is_full_disk(why) || !wait(what, why, tries)) throw;
      }
    }
  }
  /// Nobody waits from now on.
  void give_up();

 private:
  bool wait(std::string_view what, const std::exception_ptr& why, int tries);
  void goes_on(std::string_view what);

  event_bus& events_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool given_up_ = false;  // guarded by mutex_
};

}  // namespace millrace::detail
