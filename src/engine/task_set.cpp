#include "engine/task_set.hpp"

#include <utility>

#include "engine/scheduler.hpp"
#include "engine/stored.hpp"
#include "millrace/detail/engine/bad_records.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

// Whose task this thread runs, which one, and of which batch.
struct task_at_work {
  const scheduler* owner = nullptr;
  std::int64_t batch_time = -1;
  task_place place{};
};
thread_local task_at_work current;

/// A task may run a job of another context; not of its own.
struct task_scope {
  explicit task_scope(task_at_work task) : before(std::exchange(current, task)) {}
  ~task_scope() { current = before; }
  task_at_work before;
};

/// A task's view of what its engine keeps.
class engine_task final : public task_context {
 public:
  engine_task(scheduler& owner, const task_order& order, int partition)
      : task_context(partition, order.attempt, order.set->cancelling(), owner.memory()),
        owner_(owner),
        order_(order) {}

  map_output_ptr fetch(const shuffle& from, int map) override {
    return owner_.outputs().fetch(from, map);
  }
  std::unique_ptr<cursor> open_kept(const node& dataset, int partition) override {
    return owner_.blocks().open(dataset, partition, *this, {order_.slot, order_.epoch});
  }
  void spilled(std::string_view operation, std::uint64_t rows, std::uint64_t bytes) override {
    owner_.spilled(order_, partition(), operation, rows, bytes);
  }

 private:
  scheduler& owner_;
  const task_order& order_;
};

}  // namespace

bool scheduler::in_task() const { return current.owner == this; }

task_place running_task() { return current.place; }

void task_order::run() const { set->run(*this); }

void task_set::run(const task_order& order) {
  task_report report;
  report.index = order.index;
  report.attempt = order.attempt;
  report.slot = order.slot;
  report.epoch = order.epoch;
  const auto begin = std::chrono::steady_clock::now();
  engine_task task(owner_, order, partition(order.index));
  using outcome = task_report::outcome;
  try {
    const watchdog::watch watched(owner_.dog(), {&task, action_, job_, stage_, begin});
    const updates_scope adding(report.updates);
    const task_scope scope({&owner_, batch_time_, {job_, stage_}});
    const gathering_scope meeting(gathering_.get(), task.partition());
    if (!task.cancelled()) report.result = run_(task, task.partition());
    if (task.cancelled()) report.what = outcome::cancelled;
  } catch (const fetch_failure&) {
    report.what = outcome::fetch_failed;
  } catch (...) {
    // Once nobody wants the task, what its function made of that is no failure.
    report.what = task.cancelled() ? outcome::cancelled : outcome::failed;
    report.failure = std::current_exception();
    report.operation = task.failed_operation();
    report.row = task.failed_row();
  }
  report.cost = std::chrono::steady_clock::now() - begin;
  deliver(std::move(report));
}

void task_set::cancel() {
  cancel_.store(true, std::memory_order_relaxed);
  if (gathering_ != nullptr) gathering_->break_up();
}

void task_set::deliver(task_report report) {
  // Notified under the lock: the waiting job may end and destroy what this thread still uses.
  const std::lock_guard lock(mutex_);
  // Whoever waits for this task waits no longer, and reports after it.
  if (gathering_ != nullptr && report.index >= 0 && report.what != task_report::outcome::done)
    cancel();
  reports_.push_back(std::move(report));
  arrived_.notify_one();
}

void task_set::lose(int slot, std::uint64_t epoch) {
  task_report report;
  report.what = task_report::outcome::lost;
  report.index = -1;
  report.slot = slot;
  report.epoch = epoch;
  deliver(std::move(report));
}

std::vector<task_report> task_set::take(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (reports_.empty() && timeout.count() != 0)
    arrived_.wait_for(lock, timeout, [this] { return !reports_.empty(); });
  return std::exchange(reports_, {});
}

}  // namespace millrace::detail

namespace millrace {

void reject(on_bad_record policy, const bad_record& what) {
  const auto& task = detail::current;
  if (task.owner == nullptr)
    throw usage_error("reject: called outside of a task; a receiver has a member of that name");
  task.owner->owner().rejected().reject(policy, what, {-1, task.batch_time});
}

}  // namespace millrace
