#include "streaming/waiting_for_room.hpp"

#include <algorithm>
#include <chrono>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;

constexpr auto first_pause = 50ms;
constexpr auto longest_pause = 2000ms;

}  // namespace

/// False: nobody waits any more.
bool waiting_for_room::wait(std::string_view what, const std::exception_ptr& why, int tries) {
  if (tries == 0) {
    const std::string text = std::string(what) +
                             " waits until there is room on the disk, and nothing is read "
                             "meanwhile: " +
                             describe(why);
    log_error(text);
    if (events_.wanted()) {
      event e{.what = event::kind::streaming_behind};
      e.text = text;
      events_.publish(std::move(e));
    }
  }
  const auto pause =
      std::min<std::chrono::milliseconds>(first_pause * (1 << std::min(tries, 6)), longest_pause);
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, pause, [this] { return given_up_; });
}

void waiting_for_room::goes_on(std::string_view what) {
  log_warn(std::string(what) + " goes on, for there is room on the disk again");
}

void waiting_for_room::give_up() {
  const std::lock_guard lock(mutex_);
  given_up_ = true;
  changed_.notify_all();
}

}  // namespace millrace::detail
