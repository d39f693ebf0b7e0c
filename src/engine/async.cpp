#include "millrace/detail/engine/async.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

#include "engine/async_threads.hpp"
#include "engine/scheduler.hpp"
#include "millrace/detail/engine/accumulators.hpp"
#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

struct async_action::state {
  std::weak_ptr<dataset_context> context;  // the action holds it, a handle does not
  std::atomic<bool> cancelled{false};
  job_lane lane{&cancelled};
  std::mutex mutex;
  std::condition_variable done;
  bool ended = false;
  std::shared_ptr<void> result;
  std::exception_ptr failure;
};

async_action::async_action(const node_ptr& dataset, std::function<std::shared_ptr<void>()> run)
    : state_(std::make_shared<state>()) {
  engine& owner = engine_of(*dataset);
  owner.check_running();
  state_->context = dataset->context();
  owner.async().start([shared = state_, held = node_ptr(dataset), run = std::move(run),
                       group = job_group_of(owner),
                       tally = accumulator_tally::current()]() mutable {
    std::shared_ptr<void> result;
    std::exception_ptr failure;
    try {
      set_job_group(engine_of(*held), std::move(group));
      const lane_scope lane(shared->lane);
      const accumulator_tally::scope counts(std::move(tally));
      result = run();
    } catch (...) {
      failure = std::current_exception();
    }
    // Before the result is seen: whoever has it may count on all else being let go of.
    run = nullptr;
    held = nullptr;
    const std::lock_guard lock(shared->mutex);
    shared->result = std::move(result);
    shared->failure = std::move(failure);
    shared->ended = true;
    shared->done.notify_all();
  });
}

const void* async_action::result() const {
  wait();
  if (state_->failure != nullptr) std::rethrow_exception(state_->failure);
  return state_->result.get();
}

void async_action::wait() const {
  std::unique_lock lock(state_->mutex);
  state_->done.wait(lock, [this] { return state_->ended; });
}

bool async_action::wait_for(std::chrono::nanoseconds time) const {
  std::unique_lock lock(state_->mutex);
  return state_->done.wait_for(lock, time, [this] { return state_->ended; });
}

void async_action::cancel() const {
  state_->cancelled.store(true);  // also what it has not begun yet
  if (const auto context = state_->context.lock())
    static_cast<engine&>(*context).jobs().cancel_lane(state_->lane, "its future was cancelled");
}

}  // namespace millrace::detail
