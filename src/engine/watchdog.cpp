#include "engine/watchdog.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_stack.hpp"
#include "millrace/detail/base/log.hpp"

namespace millrace::detail {

using std::chrono::steady_clock;

watchdog::watch::watch(watchdog& by, const task& of) : by_(by.limit_.count() == 0 ? nullptr : &by) {
  if (by_ == nullptr) return;
  const std::lock_guard lock(by.mutex_);
  place_ = by.tasks_.insert(by.tasks_.end(), of);
  if (!by.thread_.joinable() && !by.stopping_)
    by.thread_ = std::thread([dog = &by] { dog->look_around(); });
}

watchdog::watch::~watch() {
  if (by_ == nullptr) return;
  const std::lock_guard lock(by_->mutex_);
  by_->tasks_.erase(place_);
}

void watchdog::stop() {
  std::thread thread;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    thread.swap(thread_);
  }
  wake_.notify_all();
  if (thread.joinable()) thread.join();
}

void watchdog::look_around() {
  // Nobody wakes it for a task: it comes by often enough.
  const auto round = std::max<std::chrono::nanoseconds>(limit_ / 4, std::chrono::milliseconds(1));
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, round, [this] { return stopping_; })) {
    const auto now = steady_clock::now();
    std::vector<event> slow;
    for (task& t : tasks_) {
      if (t.named || now - t.begin < limit_) continue;
      t.named = true;
      slow.push_back(description_of(t, now - t.begin));
    }
    if (slow.empty()) continue;
    lock.unlock();  // publishing may wait
    for (event& e : slow) {
      log_warn(e.text);
      events_.publish(std::move(e));
    }
    lock.lock();
  }
}

event watchdog::description_of(const task& slow, steady_clock::duration since) {
  using std::chrono::duration_cast;
  const task_context& context = *slow.at_work;
  const auto doing = context.doing();
  event e;
  e.what = event::kind::task_slow;
  e.job = slow.job;
  e.stage = slow.stage;
  e.partition = context.partition();
  e.attempt = context.attempt();
  e.duration = duration_cast<std::chrono::microseconds>(since);
  e.text = "a task runs for longer than task.warnAfter";
  e.text += doing.operation == nullptr ? "" : std::string(", in ") + doing.operation;
  if (doing.row >= 0) e.text += " at row " + std::to_string(doing.row) + " or soon after";
  e.text += " of partition " + std::to_string(context.partition()) + " (" +
            std::string(slow.action) + ", stage " + std::to_string(slow.stage) + ", attempt " +
            std::to_string(context.attempt() + 1) + "), in ms so far: " +
            std::to_string(duration_cast<std::chrono::milliseconds>(since).count());
  const char* before = ", innermost call first: ";
  for (const std::string& call : stack_of(slow.thread, 24)) {
    e.text += before + call;
    before = " | ";
  }
  return e;
}

}  // namespace millrace::detail
