#include "streaming/batch_runner.hpp"

#include <algorithm>
#include <string>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/engine/bad_records.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

std::chrono::microseconds since(std::chrono::steady_clock::time_point begin,
                                std::chrono::steady_clock::time_point end) {
  return std::chrono::duration_cast<std::chrono::microseconds>(end - begin);
}

std::int64_t count_of(time_point_ms time) { return time.time_since_epoch().count(); }

/// Throws what is being handled as the failure of a batch. The text holds the whole story, since an
/// exception that nobody catches shows only its own text.
[[noreturn]] void rethrow_for(time_point_ms time, const std::string& where,
                              std::string_view operation) {
  std::throw_with_nested(
      stream_error(where + " failed in the batch of " + std::to_string(count_of(time)) +
                       " ms, and the stream stops: " + describe(std::current_exception()),
                   time, std::string(operation)));
}

}  // namespace

/// While it lives, this thread alone asks streams for datasets.
class batch_runner::graph_hold {
 public:
  explicit graph_hold(batch_runner& runner) : runner_(runner), before_(holder_) {
    if (before_ == &runner) return;  // a function of `transform` that asks for a slice
    // Somebody drops the datasets of a finished batch: a matter of microseconds.
    while (runner.busy_.exchange(true)) runner.busy_.wait(true);
    holder_ = &runner;
  }
  ~graph_hold() {
    if (before_ == &runner_) return;
    holder_ = before_;
    runner_.busy_.store(false);
    runner_.busy_.notify_one();
  }
  graph_hold(const graph_hold&) = delete;
  graph_hold& operator=(const graph_hold&) = delete;

 private:
  static thread_local const batch_runner* holder_;
  batch_runner& runner_;
  const batch_runner* before_;
};
thread_local const batch_runner* batch_runner::graph_hold::holder_ = nullptr;

std::vector<node_ptr> batch_runner::slice(stream_node& of, time_point_ms from, time_point_ms to) {
  std::vector<node_ptr> datasets;
  {
    const graph_hold held(*this);
    for (time_point_ms t = std::max(from, of.zero() + of.slide());
         t <= to && count_of(t) <= generated_; t += of.slide()) {
      if (of.forgot(t)) {
        throw usage_error("slice: " + of.name() +
                          " has forgotten this batch, streaming_context::remember keeps batches "
                          "longer: " +
                          std::to_string(count_of(t)) + " ms");
      }
      if (node_ptr one = of.dataset(t)) datasets.push_back(std::move(one));
    }
  }
  forget_finished();
  return datasets;
}

void batch_runner::while_standing(const std::function<void()>& f) {
  {
    const graph_hold held(*this);
    f();
  }
  forget_finished();
}

/// Gives the inputs what the batch reads.
void batch_runner::read(batch& b) {
  const batch_reading how = log_ == nullptr ? batch_reading::anew : log_->next(b.time);
  switch (how) {
    case batch_reading::anew: b.records_of_inputs = graph_.allocate(b.time); break;
    case batch_reading::again:
    case batch_reading::for_state:
      b.records_of_inputs = log_->allocate_again(b.time);
      graph_.read_inputs(b.time);
      break;
    case batch_reading::of_nothing:
      for (const auto& input : graph_.inputs()) input->allocate_nothing(b.time);
      break;
  }
  for (const std::int64_t n : b.records_of_inputs) b.records += std::max<std::int64_t>(0, n);
  b.runs = how == batch_reading::anew || how == batch_reading::again;
  b.logged = log_ != nullptr && b.runs;
  if (!b.runs)
    for (stream_node* const stream : graph_.with_state()) stream->dataset(b.time);
}

std::unique_ptr<batch> batch_runner::generate(time_point_ms time) {
  current(time);
  auto b = std::make_unique<batch>();
  b->time = time;
  b->submitted = std::chrono::steady_clock::now();
  b->added.push_back(std::make_shared<accumulator_tally>());
  const accumulator_tally::scope counts(b->added.back());
  std::string where = "reading the inputs";
  std::string_view operation;
  try {
    const graph_hold held(*this);
    read(*b);
    generated_ = std::max(generated_, count_of(time));
    b->jobs.reserve(graph_.outputs().size());
    for (const auto& output : graph_.outputs()) {
      operation = output->operation;
      if (!b->runs || !output->from->valid(time)) continue;
      try {
        node_ptr dataset = output->from->dataset(time);
        if (dataset != nullptr) b->jobs.push_back({output.get(), std::move(dataset)});
      } catch (...) {
        where = "generating the job of " + output->description();
        throw;
      }
    }
    for (const stream_node* stream : graph_.with_state())
      if (node_ptr made = stream->known_dataset(time)) b->state.push_back(std::move(made));
    operation = {};
    if (b->logged) {
      where = "the batch log";
      std::vector<std::int32_t> partitions;
      for (const batch::job& job : b->jobs) partitions.push_back(job.dataset->partitions());
      log_->log(time, std::move(partitions));
    } else if (!b->runs) {
      where = "bringing state back";
      settle(*b);
      b->added.back()->drop();  // what it adds was added when it ran first
    }
  } catch (...) {
    rethrow_for(time, where, operation);
  }
  forget_finished();
  if (log_ == nullptr) b->added.back()->settle();
  b->left = b->jobs.size();
  // One that is run again does not keep those after it waiting, whose jobs may be taken already.
  const bool newest = count_of(time) == generated_;
  if (overlaps_ && newest && !b->jobs.empty()) turns_.begin(time);
  if (!b->jobs.empty() && core_.events().wanted()) {
    event e{.what = event::kind::batch_submitted};
    e.batch_time = count_of(time);
    e.records = b->records;
    for (std::size_t i = 0; i < b->records_of_inputs.size(); ++i) {
      input_stream& input = *graph_.inputs()[i];
      if (b->records_of_inputs[i] < 0 || (!input.receives() && input.replay() == nullptr)) continue;
      e.numbers.emplace_back(std::to_string(input.id()) + " " + input.description(),
                             b->records_of_inputs[i]);
    }
    core_.events().publish(std::move(e));
  }
  return b;
}

std::vector<std::unique_ptr<batch>> batch_runner::generate_retried() {
  std::vector<std::unique_ptr<batch>> all;
  if (log_ == nullptr) return all;
  std::vector<time_point_ms> times;
  try {
    times = log_->retried();
  } catch (...) {
    rethrow_for(current(), "the batch log", {});
  }
  for (const time_point_ms time : times) all.push_back(generate(time));
  return all;
}

void batch_runner::make_sure() {
  if (log_ == nullptr) return;
  try {
    room_.run("the batch log", [this] { log_->sync(); });
  } catch (...) {
    rethrow_for(current(), "the batch log", {});
  }
}

void batch_runner::begin(batch& b) {
  b.started = std::chrono::steady_clock::now();
  if (!core_.events().wanted()) return;
  event e{.what = event::kind::batch_started};
  e.batch_time = count_of(b.time);
  e.records = b.records;
  e.scheduling_delay = since(b.submitted, b.started);
  core_.events().publish(std::move(e));
}

void batch_runner::run(batch& b, std::size_t job) {
  output_operation& operation = *b.jobs[job].operation;
  const node_ptr dataset = std::move(b.jobs[job].dataset);
  const auto begin = std::chrono::steady_clock::now();
  const auto publish = [&](event::kind what, std::string text) {
    event e{.what = what};
    e.batch_time = count_of(b.time);
    e.output = operation.id;
    if (what != event::kind::output_operation_started)
      e.duration = since(begin, std::chrono::steady_clock::now());
    else e.description = operation.description();
    e.text = std::move(text);
    core_.events().publish(std::move(e));
  };
  if (core_.events().wanted())
    publish(event::kind::output_operation_started, std::string(operation.operation));
  try {
    const commit_turns::scope turn(overlaps_ ? &turns_ : nullptr, b.time);
    const lane_scope lane(operation.lane, count_of(b.time));
    const auto run_step = [&](auto step) {
      room_.run(operation.description(), [&] {
        const auto added = std::make_shared<accumulator_tally>();
        const accumulator_tally::scope counts(added);
        try {
          step();
        } catch (...) {
          if (is_full_disk(std::current_exception())) added->drop();  // it is going to run again
          else keep(b, added);
          throw;
        }
        keep(b, added);
      });
    };
    // What has run does not run again because something else finds no room.
    run_step([&] { operation.function.run(operation.function.function.get(), dataset, b.time); });
    if (job + 1 == b.jobs.size()) run_step([&] { settle(b); });
    room_.run(operation.description(), [this] { core_.rejected().sync(); });
  } catch (...) {
    if (core_.events().wanted())
      publish(event::kind::output_operation_failed, describe(std::current_exception()));
    // What ends with the stream has not failed: the next start runs it again.
    if (on_failure_ != failed_batch::stops_the_stream && !operation.lane.cancelled()) {
      const std::lock_guard lock(b.mutex);
      if (b.failure.empty())
        b.failure = operation.description() + ": " + describe(std::current_exception());
      return;
    }
    rethrow_for(b.time, operation.description(), operation.operation);
  }
  if (core_.events().wanted())
    publish(event::kind::output_operation_completed, std::string(operation.operation));
}

/// What a job has added counts once its batch is done.
void batch_runner::keep(batch& b, const std::shared_ptr<accumulator_tally>& added) {
  if (log_ == nullptr) return added->settle();
  const std::lock_guard lock(b.mutex);
  b.added.push_back(added);
}

/// Outputs may have left partitions out (print), or read nothing: state stands still for none.
void batch_runner::settle(const batch& b) {
  for (const node_ptr& dataset : b.state) {
    if (dataset->computed()) continue;
    run_job({dataset, all_partitions(*dataset), "settle",
             [&dataset](task_context& task, int partition) -> task_result {
               dataset->open(partition, task);
               return {};
             }});
  }
}

void batch_runner::complete(batch& b) {
  if (!b.failure.empty()) {
    const bool kept = on_failure_ == failed_batch::is_parked;
    log_error((kept ? "a batch failed and is kept for a re-run (millrace batches): "
                    : "a batch failed, and later ones go on: ") +
              std::to_string(count_of(b.time)) + " ms, " +
              b.failure.substr(0, b.failure.find('\n')));
  }
  if (b.logged) {
    try {
      if (b.failure.empty() || on_failure_ != failed_batch::is_parked) {
        log_->committed(b.time, b.added);
      } else {
        for (const auto& one : b.added) one->drop();
        log_->parked(b.time, b.failure);
      }
    } catch (...) {
      rethrow_for(b.time, "the batch log", {});
    }
  }
  if (overlaps_) turns_.end(b.time);
  const auto now = std::chrono::steady_clock::now();
  const auto began = b.jobs.empty() ? now : b.started;
  const batch_outcome outcome{b.time, now, began - b.submitted, now - began};
  for (const auto& input : graph_.inputs()) input->finished(outcome);
  std::int64_t last = finished_.load(std::memory_order_relaxed);
  while (last < count_of(b.time) && !finished_.compare_exchange_weak(last, count_of(b.time))) {
  }
  forget_finished();
  if (b.jobs.empty() || !core_.events().wanted()) return;
  if (!b.failure.empty()) {
    event e{.what = event::kind::batch_failed};
    e.batch_time = count_of(b.time);
    e.text = b.failure;
    core_.events().publish(std::move(e));
    return;
  }
  event e{.what = event::kind::batch_completed};
  e.batch_time = count_of(b.time);
  e.records = b.records;
  e.scheduling_delay = since(b.submitted, b.started);
  e.processing_delay = since(b.started, now);
  core_.events().publish(std::move(e));
}

void batch_runner::end_outputs() {
  if (generated_ == INT64_MIN) return;
  const time_point_ms last(std::chrono::milliseconds{generated_});
  for (const auto& output : graph_.outputs())
    if (output->function.end != nullptr)
      output->function.end(output->function.function.get(), core_.name(), last);
}

void batch_runner::failed(time_point_ms time, const std::exception& why) {
  if (!core_.events().wanted()) return;
  event e{.what = event::kind::batch_failed};
  e.batch_time = count_of(time);
  e.text = describe(why);
  core_.events().publish(std::move(e));
}

void batch_runner::keep_failure(std::exception_ptr why) {
  const std::lock_guard lock(mutex_);
  if (failure_ == nullptr) failure_ = std::move(why);
}

std::exception_ptr batch_runner::kept_failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void batch_runner::forget_finished() {
  // Whoever lets go of `busy_` looks again, so nothing that finished meanwhile is left.
  for (;;) {
    const std::int64_t finished = finished_.load();
    if (busy_.exchange(true)) return;
    const bool news = finished != forgotten_ && finished != INT64_MIN;
    if (news) graph_.forget(time_point_ms(std::chrono::milliseconds(finished)));
    forgotten_ = finished;
    busy_.store(false);
    busy_.notify_one();
    if (finished_.load() == finished) return;
  }
}

}  // namespace millrace::detail
