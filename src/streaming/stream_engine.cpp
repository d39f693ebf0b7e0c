#include "millrace/detail/streaming/stream_engine.hpp"

#include <mutex>
#include <thread>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"
#include "storage/key_value_store.hpp"
#include "streaming/batch_loop.hpp"
#include "streaming/batch_runner.hpp"
#include "streaming/recovery/checkpointing.hpp"
#include "streaming/recovery/parking.hpp"

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;

/// How long jobs may go on running once the stream is stopped at once.
constexpr auto patience = 2s;

/// So many batches share one wait for the disk at most.
constexpr std::size_t most_together = 64;

struct active_stream {
  std::mutex mutex;
  std::weak_ptr<stream_engine> engine;
};

active_stream& the_active() {
  static auto* const one = new active_stream;  // never destroyed: threads may outlive main
  return *one;
}

void publish(engine& core, event::kind what, std::string text = {}) {
  if (!core.events().wanted()) return;
  event e{.what = what};
  e.text = std::move(text);
  core.events().publish(std::move(e));
}

}  // namespace

stream_engine::stream_engine(std::shared_ptr<engine> core, std::chrono::milliseconds interval)
    : core_(std::move(core)), interval_(interval), graph_(&cancel_) {
  if (interval_ < 1ms) {
    throw usage_error(
        "the batch interval must be at least 1 ms: " + std::to_string(interval.count()) + " ms");
  }
  runner_ = std::make_unique<batch_runner>(graph_, *core_);
}

stream_engine::~stream_engine() {
  if (loop_ == nullptr || failure_seen_) return;
  if (const std::exception_ptr failure = loop_->failure())
    log_error("a stream failed and nobody asked how it ended: " + describe(failure));
}

void stream_engine::check_building(std::string_view what) const {
  if (state() == life::initialized) return;
  throw usage_error(
      std::string(what) + ": adding new inputs, transformations, and output operations after " +
      (state() == life::active ? "starting" : "stopping") + " a context is not supported");
}

std::vector<node_ptr> stream_engine::slice(stream_node& of, time_point_ms from, time_point_ms to) {
  if (!of.started()) throw usage_error("slice: " + of.name() + " has not been initialized");
  if (from > to) {
    throw usage_error("slice: the first time must not come after the last: " +
                      std::to_string(from.time_since_epoch().count()) + " ms, " +
                      std::to_string(to.time_since_epoch().count()) + " ms");
  }
  const auto floor = [&of](std::string_view which, time_point_ms time) {
    if (time <= of.zero()) return of.zero();
    const time_point_ms floored = time - (time - of.zero()) % of.slide();
    if (floored != time) {
      log_warn("slice: the " + std::string(which) +
               " time is no batch of the stream, the one before it is taken: " +
               std::to_string(time.time_since_epoch().count()) + " ms");
    }
    return floored;
  };
  return runner_->slice(of, floor("first", from), floor("last", to));
}

void stream_engine::while_standing(const std::function<void()>& f) { runner_->while_standing(f); }

void stream_engine::enter_active() {
  core_->check_running();
  if (graph_.outputs().empty())
    throw usage_error("No output operations registered, so nothing to execute");
  const std::lock_guard lock(the_active().mutex);
  const stream_engine_ptr other = the_active().engine.lock();
  if (other != nullptr && other.get() != this && other->state() == life::active) {
    throw usage_error("only one streaming context may be started in a process, and \"" +
                      other->core()->name() + "\" is active");
  }
  life expected = life::initialized;
  if (!life_.compare_exchange_strong(expected, life::active)) {
    if (expected == life::stopped)
      throw usage_error("this streaming context has already been stopped");
    return;
  }
  the_active().engine = weak_from_this();
}

void stream_engine::leave_active() noexcept {
  const std::lock_guard lock(the_active().mutex);
  life_.store(life::stopped, std::memory_order_release);
  if (the_active().engine.lock().get() == this) the_active().engine.reset();
}

stream_engine_ptr stream_engine::active() {
  const std::lock_guard lock(the_active().mutex);
  return the_active().engine.lock();
}

time_point_ms stream_engine::zero_time() const {
  const std::chrono::milliseconds now = core_->time().now().time_since_epoch();
  return time_point_ms(now / interval_ * interval_);
}

const std::shared_ptr<key_value_store>& stream_engine::state_store() {
  const settings& conf = core_->conf();
  const std::string where = conf.text("streaming.state.store");
  if (state_store_ == nullptr && where != "memory")
    state_store_ = open_store(where, conf.size("streaming.state.cache"), conf);
  return state_store_;
}

file_system& stream_engine::checkpoint_files() const {
  return checkpoint_files_ != nullptr ? *checkpoint_files_ : file_system_for(checkpoint_);
}

std::function<void()> stream_engine::checkpoint_owner_check() const {
  return checkpointing_->owner_check();
}

/// Fixes the graph and opens its inputs. The time of the first batch.
time_point_ms stream_engine::begin() {
  const bool is_set = core_->conf().is_set("streaming.onBatchFailure") || on_failure_.empty();
  const std::string& policy = is_set ? core_->conf().text("streaming.onBatchFailure") : on_failure_;
  if (policy != "stop" && policy != "park" && policy != "report")
    throw usage_error("streaming.onBatchFailure is stop, park or report: \"" + policy + "\"");
  if (!checkpoint_.empty()) {
    checkpointing_ =
        std::make_unique<checkpointing>(checkpoint_files(), checkpoint_, graph_, core_, interval_);
  }
  time_point_ms first = zero_time();
  if (checkpointing_ != nullptr) first = checkpointing_->zero(first);
  graph_.start(first);
  first += interval_;
  if (policy != "stop") {
    const std::string why_not = why_not_parked(graph_, checkpointing_ != nullptr);
    if (policy == "park" && !why_not.empty())
      throw usage_error("streaming.onBatchFailure = park: " + why_not);
    runner_->on_failure(why_not.empty() ? failed_batch::is_parked : failed_batch::is_reported);
  }
  if (checkpointing_ != nullptr) {
    if (policy == "report") checkpointing_->retry_parked();
    first = checkpointing_->recover(core_->time().now());
    runner_->log_to(checkpointing_.get());
  }
  publish(*core_, event::kind::streaming_started);
  graph_.open_inputs();
  if (checkpointing_ != nullptr) checkpointing_->begin();
  return first;
}

void stream_engine::start(std::function<void()> when_ended) {
  if (state() == life::active) {
    log_warn("the streaming context is active already; starting it again does nothing");
    return;
  }
  enter_active();
  try {
    when_ended_ = std::move(when_ended);
    const int jobs = static_cast<int>(core_->conf().integer("streaming.concurrentJobs"));
    const auto block = std::chrono::ceil<std::chrono::milliseconds>(
        core_->conf().duration("streaming.blockInterval"));
    batch_loop::options o;
    o.time = &core_->time();
    o.interval = interval_;
    o.concurrent_jobs = jobs;
    if (block < interval_ && graph_.receives()) o.cut_every = block;
    o.most_waiting = static_cast<std::size_t>(core_->conf().integer("streaming.maxWaitingBatches"));
    o.cut = [this] { graph_.cut(); };
    o.behind = [this] { behind(); };
    o.holds_records = [this] { return graph_.holds_records(); };
    o.ended = [this] { ended(); };
    if (!checkpoint_.empty()) o.most_together = most_together;
    loop_ = std::make_unique<batch_loop>(*runner_, std::move(o));
    const time_point_ms first = begin();
    if (checkpointing_ != nullptr) checkpointing_->write_in_background();
    loop_->start(first, shared_from_this());
  } catch (...) {
    graph_.close_inputs();
    if (loop_ != nullptr) loop_->drop();
    loop_.reset();
    checkpointing_.reset();
    leave_active();
    graph_.clear();  // its functions may hold the context that holds them
    throw;
  }
}

time_point_ms stream_engine::start_stepped() {
  enter_active();
  time_point_ms first;
  try {
    first = begin();
  } catch (...) {
    graph_.close_inputs();
    checkpointing_.reset();
    leave_active();
    graph_.clear();  // its functions may hold the context that holds them
    throw;
  }
  if (checkpointing_ == nullptr) return {};
  const time_point_ms last = checkpointing_->last();
  for (; first <= last; first += interval_) step(first);
  return last;
}

void stream_engine::step(time_point_ms time) {
  if (state() != life::active) {
    rethrow_failure();
    throw usage_error("this streaming context is not active");
  }
  try {
    std::vector<std::unique_ptr<batch>> made;
    made.push_back(runner_->generate(time));
    if (const std::exception_ptr failure = runner_->kept_failure()) std::rethrow_exception(failure);
    for (auto& retried : runner_->generate_retried()) made.push_back(std::move(retried));
    runner_->make_sure();
    for (const std::unique_ptr<batch>& b : made) {
      if (!b->jobs.empty()) runner_->begin(*b);
      for (std::size_t job = 0; job < b->jobs.size(); ++job) runner_->run(*b, job);
      runner_->complete(*b);
    }
  } catch (const std::exception& e) {
    runner_->keep_failure(std::current_exception());
    runner_->failed(time, e);
    ended();
    throw;
  }
}

void stream_engine::stop(ending how) {
  if (loop_ == nullptr) {  // not started, or stepped
    if (state() == life::active) return ended();
    const bool never_ran = state() == life::initialized;
    leave_active();
    if (never_ran) graph_.clear();
    return;
  }
  if (how == ending::graceful) {
    graph_.close_inputs();
    loop_->finish();
  } else {
    loop_->drop();
  }
  if (loop_->on_own_thread() || core_->in_task()) {
    // A job can't wait for its own end, and may take as long as it likes: another thread watches.
    if (!watched_ending_[static_cast<int>(how)].exchange(true))
      std::thread([self = shared_from_this(), how] { self->see_to_the_end(how); }).detach();
    return;
  }
  see_to_the_end(how);
  loop_->join();
}

void stream_engine::abandon() {
  abandoned_ = true;
  stop(ending::at_once);
}

/// Waits for the end, and enforces it in the end.
void stream_engine::see_to_the_end(ending how) {
  if (how == ending::graceful) {
    const auto most = core_->conf().is_set("streaming.gracefulStopTimeout")
                          ? core_->conf().duration("streaming.gracefulStopTimeout")
                          : std::chrono::nanoseconds(interval_) * 10;
    const auto until = std::chrono::steady_clock::now() + most;
    if (loop_->wait(&until)) return;
    log_warn(
        "a graceful stop took longer than streaming.gracefulStopTimeout; batches that wait are "
        "left out");
    loop_->drop();
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  if (!loop_->wait(&until)) {
    cancel_ = true;
    loop_->wait();
  }
}

/// So many batches wait that no further one is made, and sources with it.
void stream_engine::behind() noexcept {
  const std::string text =
      "batches take longer than their interval, and streaming.maxWaitingBatches of them wait: the "
      "next ones are made late, and sources wait. Batches: " +
      core_->conf().text("streaming.maxWaitingBatches");
  log_warn(text);
  publish(*core_, event::kind::streaming_behind, text);
}

void stream_engine::await() {
  if (loop_ == nullptr) {
    rethrow_failure();
    if (state() == life::stopped) return;
    throw usage_error("await_termination: the streaming context has not been started");
  }
  loop_->wait();
  rethrow_failure();
}

bool stream_engine::await_for(std::chrono::nanoseconds most) {
  if (loop_ == nullptr) {
    await();
    return true;
  }
  const auto until = std::chrono::steady_clock::now() + most;
  if (!loop_->wait(&until)) return false;
  rethrow_failure();
  return true;
}

std::exception_ptr stream_engine::first_failure() const {
  return loop_ == nullptr ? runner_->kept_failure() : loop_->failure();
}

void stream_engine::rethrow_failure() {
  const std::exception_ptr failure = first_failure();
  if (failure == nullptr) return;
  failure_seen_ = true;
  std::rethrow_exception(failure);
}

std::size_t stream_engine::waiting_batches() const {
  return loop_ == nullptr ? 0 : loop_->waiting_batches();
}

void stream_engine::fail(std::exception_ptr why, std::string_view where) noexcept {
  try {
    try {
      std::rethrow_exception(why);
    } catch (...) {
      std::throw_with_nested(
          stream_error(std::string(where) + " failed, and the stream stops: " + describe(why),
                       runner_->current(), std::string(where)));
    }
  } catch (...) {
    why = std::current_exception();
  }
  if (loop_ != nullptr) loop_->fail(std::move(why));
  else runner_->keep_failure(std::move(why));
}

/// The last checkpoint, and the directory for the next run.
void stream_engine::finish_checkpoints() {
  if (checkpointing_ == nullptr) return;
  try {
    if (first_failure() == nullptr && !abandoned_) checkpointing_->finish();
  } catch (const std::exception&) {
    fail(std::current_exception(), "the last checkpoint");
    if (first_failure() == nullptr)  // batches were left out: the next start sees to them anyway
      log_error("the last checkpoint failed: " + describe(std::current_exception()));
  }
  runner_->log_to(nullptr);
  checkpointing_.reset();
}

void stream_engine::ended() noexcept {
  graph_.close_inputs();
  try {
    if (first_failure() == nullptr && !abandoned_) runner_->end_outputs();
  } catch (const std::exception&) {
    fail(std::current_exception(), "the end of an output operation");
  }
  finish_checkpoints();
  const std::exception_ptr failure = first_failure();
  publish(*core_,
          failure == nullptr ? event::kind::streaming_stopped : event::kind::streaming_failed,
          failure == nullptr ? std::string() : describe(failure));
  leave_active();
  if (when_ended_) when_ended_();
  graph_.clear();
}

}  // namespace millrace::detail
