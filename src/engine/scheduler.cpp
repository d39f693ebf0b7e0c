#include "engine/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <unordered_set>
#include <utility>

#include "engine/checkpoints.hpp"
#include "millrace/error.hpp"
#include "storage/memory_budget.hpp"

namespace millrace::detail {

using namespace std::chrono_literals;

namespace {
thread_local job_lane* current_lane = nullptr;
thread_local std::int64_t current_batch = -1;

// A stage whose inputs are lost again and again is given up: something kills executors.
constexpr int most_rounds = 4;
// So is a task whose executor dies each time: perhaps it is what kills them.
constexpr int most_losses = 4;
constexpr auto executor_deadline = 30s;

bool process_was_lost(const std::exception& failure) {
  if (dynamic_cast<const process_lost*>(&failure) != nullptr) return true;
  try {
    std::rethrow_if_nested(failure);
  } catch (const std::exception& nested) {
    return process_was_lost(nested);
  } catch (...) {
  }
  return false;
}

bool process_was_lost(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& thrown) {
    return process_was_lost(thrown);
  } catch (...) {
    return false;
  }
}
}  // namespace

bool lane_cancelled() { return current_lane != nullptr && current_lane->cancelled(); }

lane_scope::lane_scope(job_lane& lane, std::int64_t batch_time)
    : before_(std::exchange(current_lane, &lane)),
      batch_before_(std::exchange(current_batch, batch_time)) {}
lane_scope::~lane_scope() {
  current_lane = before_;
  current_batch = batch_before_;
}

struct scheduler::running_job {
  int id;
  const job& what;
  job_lane* lane;
  bool alone;  // expected to be small: the calling thread does it all
  std::chrono::nanoseconds cost{0};
  std::unordered_set<const void*> prepared{};
  job_group group{};
  std::atomic<bool> stop{false};
  std::string why = "as was asked";  // it was cancelled; written before `stop`, under the lock

  bool cancelled() const {
    if (stop.load(std::memory_order_acquire)) return true;
    return lane != nullptr && lane->cancelled();
  }
};

scheduler::scheduler(engine& owner, std::shared_ptr<executor_port> executors, int max_failures)
    : owner_(owner),
      executors_(std::move(executors)),
      max_failures_(max_failures),
      blocks_(&owner.memory(), &owner.disk(), &owner.events()),
      dog_(owner.events(), owner.conf().duration("task.warnAfter")) {
  executors_->want(1);
}

scheduler::~scheduler() { stop(); }

void scheduler::stop() {
  stopping_.store(true);
  {
    const std::lock_guard lock(mutex_);
    for (const auto& set : active_) set->cancel();
  }
  if (in_task()) return;
  executors_->stop();
  dog_.stop();
  executors_ended_.store(true);
  // Nothing can read them any more, though handles may keep the context alive for long.
  outputs_.clear();
  blocks_.clear();
}

task_memory scheduler::memory() const {
  return {owner_.memory().of_operator(), &owner_.disk(), &owner_.memory()};
}

void scheduler::spilled(const task_order& order, int partition, std::string_view operation,
                        std::uint64_t rows, std::uint64_t bytes) {
  if (!owner_.events().wanted()) return;
  event e;
  e.what = event::kind::task_spilled;
  e.job = order.set->job();
  e.stage = order.set->stage();
  e.partition = partition;
  e.attempt = order.attempt;
  e.slot = order.slot;
  e.epoch = static_cast<std::int64_t>(order.epoch);
  e.records = static_cast<std::int64_t>(rows);
  e.bytes = static_cast<std::int64_t>(bytes);
  e.text = operation;
  owner_.events().publish(std::move(e));
}

std::vector<task_result> scheduler::run(const job& what) {
  running_job job{next_job_.fetch_add(1), what, current_lane,
                  current_lane != nullptr && current_lane->expects_little()};
  job.group = job_group_of(owner_);
  struct listed {
    scheduler& all;
    running_job& job;
    listed(scheduler& s, running_job& j) : all(s), job(j) {
      const std::lock_guard lock(all.mutex_);
      all.jobs_.insert(&job);
    }
    ~listed() {
      {
        const std::lock_guard lock(all.mutex_);
        all.jobs_.erase(&job);
      }
      all.let_lineages_go();
    }
  } const among_the_running{*this, job};
  if (owner_.events().wanted()) {
    event started;
    started.what = event::kind::job_started;
    started.job = job.id;
    started.group = job.group.id;
    started.description = job.group.description;
    started.text = what.action;
    owner_.events().publish(std::move(started));
  }
  const auto begin = std::chrono::steady_clock::now();
  try {
    std::vector<task_result> results(what.partitions.size());
    std::vector<int> left = what.partitions;
    // Tasks end almost in their order, so each is sought from where the last one was found.
    std::size_t at = 0;
    for (int round = 0; !left.empty(); ++round) {
      if (round == most_rounds)
        throw error(std::string(what.action) +
                    ": what a stage reads was lost again each time it was computed, look why "
                    "executors die; rounds: " +
                    std::to_string(round));
      job.prepared.clear();
      prepare(job, *what.dataset);
      run_stage(job, *what.dataset, left, what.run, [&](int partition, task_report& done) {
        while (what.partitions[at] != partition) at = (at + 1) % results.size();
        results[at] = std::move(done.result);
      });
    }
    if (job.lane != nullptr) job.lane->record(job.cost);
    if (owner_.events().wanted()) {
      event ended;
      ended.what = event::kind::job_ended;
      ended.job = job.id;
      ended.duration = std::chrono::duration_cast<std::chrono::microseconds>(
          std::chrono::steady_clock::now() - begin);
      ended.text = what.action;
      owner_.events().publish(std::move(ended));
    }
    return results;
  } catch (const std::exception& e) {
    publish(event::kind::job_failed, job, nullptr, nullptr, e.what());
    throw;
  }
}

void scheduler::let_lineages_go() {
  std::vector<node::lineage> gone;  // destroyed after the lock is gone: functions go with it
  const std::lock_guard lock(mutex_);
  if (jobs_.empty()) gone = owner_.checkpointing().take_lineages();
}

std::exception_ptr scheduler::cancellation(const running_job& job) {
  std::string text(job.what.action);
  const std::lock_guard lock(mutex_);
  text += ": cancelled, " + (stopping_ ? std::string("the context was stopped") : job.why);
  return std::make_exception_ptr(error(text));
}

template <class Which>
void scheduler::cancel_jobs(Which which, const std::string& why) {
  const std::lock_guard lock(mutex_);
  for (running_job* job : jobs_) {
    if (job->stop || !which(*job)) continue;
    job->why = why;
    job->stop.store(true, std::memory_order_release);
    // Its thread may be at work on a task itself, and would not look up before that has ended.
    for (const auto& set : active_)
      if (set->job() == job->id) set->cancel();
  }
}

void scheduler::cancel_group(const std::string& id) {
  cancel_jobs([&](const running_job& job) { return job.group.id == id; },
              "its job group was cancelled: " + id);
}

void scheduler::cancel_lane(const job_lane& lane, const std::string& why) {
  cancel_jobs([&](const running_job& job) { return job.lane == &lane; }, why);
}

void scheduler::cancel_all() {
  cancel_jobs([](const running_job&) { return true; }, "all jobs were cancelled");
}

void scheduler::prepare(running_job& job, const node& dataset) {
  if (!job.prepared.insert(&dataset).second || dataset.computed()) return;
  if (dataset.is_checkpointed()) return;
  if (dataset.kept() != storage_level::none && blocks_.has_all(dataset)) return;
  // Earlier batches first. Not by recursion: many may wait.
  std::vector<node_ptr> earlier;
  for (node_ptr one = dataset.before(); one != nullptr; one = one->before()) earlier.push_back(one);
  for (auto one = earlier.rbegin(); one != earlier.rend(); ++one) prepare(job, **one);
  for (const auto& parent : dataset.parents()) prepare(job, *parent);
  for (const auto& from : dataset.shuffles()) compute(job, *from);
}

void scheduler::compute(running_job& job, const shuffle& from) {
  if (!job.prepared.insert(&from).second) return;
  for (int round = 0; round < most_rounds; ++round) {
    if (outputs_.missing(from).empty()) return;
    prepare(job, *from.parent());
    const auto building = outputs_.building(from);
    std::unique_lock lock(building->mutex);
    // Another job computes it; this one may be cancelled meanwhile.
    while (building->taken && !job.cancelled() && !stopping_) building->left.wait_for(lock, 20ms);
    if (building->taken) std::rethrow_exception(cancellation(job));
    const building_turn turn(*building, lock);
    std::vector<int> left = outputs_.missing(from);
    if (left.empty()) return;  // another job computed it meanwhile
    const bool done = run_stage(
        job, *from.parent(), left,
        [&from](task_context& task, int map) -> task_result {
          return std::const_pointer_cast<map_output>(from.write(task, map));
        },
        [this, &from](int map, task_report& report) {
          outputs_.put(from, map, std::static_pointer_cast<map_output>(report.result),
                       {report.slot, report.epoch});
        });
    if (done) return;
    job.prepared.clear();
  }
  throw error(
      "a shuffle's inputs were lost again each time they were computed, look why executors "
      "die; rounds: " +
      std::to_string(most_rounds));
}

bool scheduler::behind_barrier(const node& of) const {
  if (!of.together() || of.computed() || of.is_checkpointed()) return false;
  if (of.kept() != storage_level::none && blocks_.has_all(of)) return false;
  bool is_one = true;
  for (const auto& parent : of.parents()) {
    if (behind_barrier(*parent)) return true;
    if (parent->together()) is_one = false;
  }
  return is_one;
}

bool scheduler::run_stage(running_job& job, const node& of, std::vector<int>& left,
                          const task_set::body& body, const taker& take) {
  return behind_barrier(of) ? run_together(job, of, left, body, take)
                            : run_tasks(job, -1, left, body, take);
}

bool scheduler::run_together(running_job& job, const node& of, std::vector<int>& left,
                             const task_set::body& body, const taker& take) {
  const auto numbers = [&](std::size_t tasks, int other) {
    return std::to_string(tasks) + " and " + std::to_string(other);
  };
  if (left.size() != static_cast<std::size_t>(of.partitions()))
    throw usage_error(std::string(job.what.action) +
                      ": after barrier() all partitions must be looked at, cache() first; wanted "
                      "and there: " +
                      numbers(left.size(), of.partitions()));
  if (left.size() > static_cast<std::size_t>(owner_.threads()))
    throw usage_error(std::string(job.what.action) +
                      ": after barrier() all tasks run at the same time, repartition to fewer or "
                      "use more threads; tasks and threads: " +
                      numbers(left.size(), owner_.threads()));
  {
    std::unique_lock lock(mutex_);
    while (together_ && !job.cancelled() && !stopping_) apart_.wait_for(lock, 20ms);
    if (together_) {
      lock.unlock();
      std::rethrow_exception(cancellation(job));
    }
    together_ = true;
  }
  struct turn {
    scheduler& all;
    ~turn() {
      const std::lock_guard lock(all.mutex_);
      all.together_ = false;
      all.apart_.notify_one();
    }
  } const ours{*this};
  int losses = 0;
  int failures = 0;
  for (int attempt = 0;; ++attempt) {
    try {
      return run_tasks(job, attempt, left, body, take);
    } catch (const job_error&) {
      if (!may_run_again(std::current_exception(), losses, failures) || job.cancelled() ||
          stopping_)
        throw;
    }
  }
}

/// Counts what happened to an attempt.
bool scheduler::may_run_again(const std::exception_ptr& failure, int& losses, int& failures) const {
  return process_was_lost(failure) ? ++losses < most_losses : ++failures < max_failures_;
}

bool scheduler::run_tasks(running_job& job, int together, std::vector<int>& left,
                          const task_set::body& body, const taker& take) {
  struct attempts {
    int number = 0;  // of the attempt that runs
    int failures = 0;
    int losses = 0;
    bool running = false;
    executor_id where{};
    accumulator_updates updates{};
  };
  auto set = std::make_shared<task_set>(*this, job.what.action, job.id, next_stage_.fetch_add(1),
                                        current_batch, left, body, together >= 0);
  const int n = set->size();
  std::vector<attempts> tasks(static_cast<std::size_t>(n));
  for (auto& t : tasks) t.number = std::max(together, 0);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) throw usage_error("this context was stopped: nothing can run on it any more");
    active_.insert(set);
  }
  // Whatever happens, no task of ours runs on when this returns: they may use the caller's
  // variables.
  struct leave {
    scheduler& all;
    const std::shared_ptr<task_set>& set;
    ~leave() {
      const std::lock_guard lock(all.mutex_);
      all.active_.erase(set);
    }
  } leaving{*this, set};

  publish(event::kind::stage_started, job, set.get(), nullptr, {});
  std::vector<int> ended;  // indices
  std::vector<int> waiting;
  for (int i = 0; i < n; ++i) waiting.push_back(i);
  int running = 0;
  bool inputs_lost = false;
  bool cancelled = false;
  std::exception_ptr failure;

  const auto give_up = [&](std::exception_ptr why) {
    if (failure == nullptr) failure = std::move(why);
    set->cancel();
  };

  const auto send = [&] {
    std::vector<task_order> orders;
    try {
      for (const int i : waiting) {
        const executor_id where = place(job, i);
        orders.push_back(
            {set, i, tasks[static_cast<std::size_t>(i)].number, where.slot, where.epoch});
      }
    } catch (...) {  // there is none; what was sent before must end all the same
      give_up(std::current_exception());
      return;
    }
    for (const auto& order : orders) {
      auto& t = tasks[static_cast<std::size_t>(order.index)];
      t.where = {order.slot, order.epoch};
      t.running = true;
      if (!owner_.events().wanted()) continue;
      task_report begun;
      begun.index = order.index;
      begun.attempt = order.attempt;
      begun.slot = order.slot;
      begun.epoch = order.epoch;
      publish(event::kind::task_started, job, set.get(), &begun, {});
    }
    running += static_cast<int>(orders.size());
    waiting.clear();
    executors_->send(orders, n == 1 || (job.alone && together < 0));
  };

  // An attempt that nobody will hear of again.
  const auto given_up = [&](int index, const char* why) {
    const auto& t = tasks[static_cast<std::size_t>(index)];
    task_report gone;
    gone.index = index;
    gone.attempt = t.number;
    gone.slot = t.where.slot;
    gone.epoch = t.where.epoch;
    publish(event::kind::task_failed, job, set.get(), &gone, why);
  };

  const auto handle = [&](task_report& report) {
    if (report.index < 0) {  // an executor is gone, and what it ran with it
      for (int i = 0; i < n; ++i) {
        auto& t = tasks[static_cast<std::size_t>(i)];
        if (!t.running || t.where != executor_id{report.slot, report.epoch}) continue;
        t.running = false;
        --running;
        given_up(i, "its executor was lost");
        ++t.number;
        waiting.push_back(i);
        if (++t.losses == most_losses || together >= 0)
          give_up(std::make_exception_ptr(
              error(std::string(job.what.action) +
                    ": a task's executor was lost each time it ran, look " +
                    "why executors die; partition " + std::to_string(set->partition(i)) +
                    ", times: " + std::to_string(t.losses))));
      }
      return;
    }
    auto& t = tasks[static_cast<std::size_t>(report.index)];
    // Fenced: an attempt that was given up, or an executor that was replaced.
    if (!t.running || report.attempt != t.number ||
        t.where != executor_id{report.slot, report.epoch})
      return;
    t.running = false;
    --running;
    job.cost += report.cost;
    using outcome = task_report::outcome;
    switch (report.what) {
      case outcome::done:
        publish(event::kind::task_ended, job, set.get(), &report, {});
        take(set->partition(report.index), report);
        ended.push_back(report.index);
        tasks[static_cast<std::size_t>(report.index)].updates = std::move(report.updates);
        break;
      case outcome::cancelled:
        publish(event::kind::task_failed, job, set.get(), &report, "cancelled");
        if (together < 0 || job.cancelled() || stopping_) cancelled = true;
        break;
      case outcome::fetch_failed:
        publish(event::kind::task_failed, job, set.get(), &report, "what it reads was lost");
        inputs_lost = true;
        break;
      case outcome::lost: break;  // above
      case outcome::failed:
        publish(event::kind::task_failed, job, set.get(), &report, describe(report.failure));
        ++t.number;
        if (may_run_again(report.failure, t.losses, t.failures) && together < 0) {
          waiting.push_back(report.index);
        } else if (failure == nullptr) {
          try {
            fail(job, *set, report);
          } catch (...) {
            give_up(std::current_exception());
          }
        }
        break;
    }
  };

  while (running != 0 || !waiting.empty()) {
    if (!cancelled && (job.cancelled() || stopping_)) {
      cancelled = true;
      set->cancel();
    }
    if (cancelled || failure != nullptr || inputs_lost) waiting.clear();
    if (!waiting.empty()) send();
    executors_->lend(*set);
    auto reports = set->take(0ms);
    if (reports.empty() && running != 0 && executors_ended_) {
      reports = set->take(0ms);
      if (reports.empty()) break;
    } else if (reports.empty() && running != 0) {
      watch_executors(0ms);
      reports = set->take(20ms);
    }
    for (auto& report : reports) handle(report);
  }
  for (int i = 0; i < n; ++i)
    if (tasks[static_cast<std::size_t>(i)].running) given_up(i, "the executors ended");
  if (failure == nullptr && (cancelled || running != 0)) failure = cancellation(job);
  // Only now, in the order of the tasks: what accumulators hold must not depend on time. Tasks that
  // ran together count together.
  for (const auto& t : tasks)
    if (together < 0 || (failure == nullptr && !inputs_lost))
      for (const auto& update : t.updates)
        accumulator_tally::count(update.to, [&](const accumulator_tally* by) {
          update.to->merge(update.value.get(), by);
        });
  if (failure != nullptr) {
    publish(event::kind::stage_failed, job, set.get(), nullptr,
            owner_.events().wanted() ? describe(failure) : std::string());
    std::rethrow_exception(failure);
  }
  publish(inputs_lost ? event::kind::stage_failed : event::kind::stage_ended, job, set.get(),
          nullptr, inputs_lost ? "what it reads was lost with an executor" : "");
  if (!inputs_lost) {
    left.clear();
    return true;
  }
  if (together >= 0) return false;
  std::vector<int> again;
  for (int i = 0; i < n; ++i)
    if (std::find(ended.begin(), ended.end(), i) == ended.end()) again.push_back(set->partition(i));
  left = std::move(again);
  return false;
}

void scheduler::fail(running_job& job, const task_set& set, const task_report& report) {
  try {
    std::rethrow_exception(report.failure);
  } catch (const usage_error&) {
    throw;  // the program's mistake is said in its own words
  } catch (...) {
    std::string text(job.what.action);
    text += ": a task failed";
    if (!report.operation.empty()) text += " in " + report.operation;
    if (report.row >= 0) text += " at row " + std::to_string(report.row);
    text += " of partition " + std::to_string(set.partition(report.index)) + " (stage " +
            std::to_string(set.stage()) + ", attempt " + std::to_string(report.attempt + 1) +
            " of " +
            std::to_string(process_was_lost(report.failure) ? most_losses : max_failures_) +
            "): " + describe(report.failure);
    std::throw_with_nested(job_error(text, {set.stage(), set.partition(report.index),
                                            report.attempt, report.row, report.operation}));
  }
}

executor_id scheduler::place(const running_job& job, int task) {
  const auto deadline = std::chrono::steady_clock::now() + executor_deadline;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (!alive_.empty()) {
        auto chosen = alive_.begin();
        std::advance(chosen, task % static_cast<int>(alive_.size()));
        return {chosen->first, chosen->second};
      }
    }
    if (stopping_) throw error("the context was stopped");
    if (job.cancelled()) std::rethrow_exception(cancellation(job));
    if (std::chrono::steady_clock::now() > deadline)
      throw error("no executor joined, look at the cluster; waited, in seconds: " +
                  std::to_string(executor_deadline.count()));
    watch_executors(50ms);
  }
}

void scheduler::watch_executors(std::chrono::milliseconds timeout) {
  std::unique_lock polling(polling_, std::defer_lock);
  // Another job's thread may be at it, and will tell us; unless nothing can go on here without.
  if (timeout.count() != 0) polling.lock();
  else if (!polling.try_lock()) return;
  while (auto happened = executors_->poll(timeout)) {
    timeout = 0ms;
    using kind = executor_port::event::kind;
    const executor_id who{happened->slot, happened->epoch};
    std::optional<executor_id> gone;
    std::vector<std::shared_ptr<task_set>> sets;
    {
      const std::lock_guard lock(mutex_);
      const auto known = alive_.find(who.slot);
      const bool is_known = known != alive_.end();
      if (happened->what == kind::joined) {
        if (is_known && known->second >= who.epoch) continue;
        if (is_known) gone = {who.slot, known->second};  // its loss was not said, or will be later
        alive_[who.slot] = who.epoch;
      } else {
        if (!is_known || known->second != who.epoch) continue;  // replaced already
        gone = who;
        alive_.erase(known);
      }
      if (gone) sets.assign(active_.begin(), active_.end());
    }
    if (owner_.events().wanted()) {
      event e;
      e.what = happened->what == kind::joined ? event::kind::executor_joined
                                              : event::kind::executor_lost;
      e.slot = who.slot;
      e.epoch = static_cast<std::int64_t>(who.epoch);
      e.text = happened->why;
      owner_.events().publish(std::move(e));
    }
    if (!gone) continue;
    outputs_.lose(*gone);
    blocks_.lose(*gone);
    for (const auto& set : sets) set->lose(gone->slot, gone->epoch);
    if (happened->what == kind::lost) executors_->replace(who.slot, who.epoch);
  }
}

void scheduler::publish(event::kind what, const running_job& job, const task_set* set,
                        const task_report* report, const std::string& text) {
  if (!owner_.events().wanted()) return;
  event e;
  e.what = what;
  e.job = job.id;
  if (set != nullptr) e.stage = set->stage();
  if (report != nullptr) {
    e.partition = set->partition(report->index);
    e.attempt = report->attempt;
    e.slot = report->slot;
    e.epoch = static_cast<std::int64_t>(report->epoch);
    e.duration = std::chrono::duration_cast<std::chrono::microseconds>(report->cost);
  }
  e.text = text;
  owner_.events().publish(std::move(e));
}

}  // namespace millrace::detail
