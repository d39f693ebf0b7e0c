#include "millrace/detail/engine/engine.hpp"

#include <utility>

#include "engine/async_threads.hpp"
#include "engine/checkpoints.hpp"
#include "engine/scheduler.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/detail/engine/bad_records.hpp"
#include "millrace/error.hpp"
#include "storage/memory_budget.hpp"
#include "storage/spill_space.hpp"

namespace millrace::detail {

engine::engine(options o)
    : name_(std::move(o.name)),
      conf_(std::move(o.conf)),
      time_(o.time != nullptr ? o.time : &system_clock_source()),
      threads_(o.threads),
      memory_(std::make_unique<memory_budget>(memory_budget_of(conf_), threads_)),
      disk_(std::make_unique<spill_space>(spill_space::directory_of(conf_))) {
  if (conf_.is_set("log.level")) set_log_level(parse_log_level(conf_.text("log.level")));
  if (const auto path = event_log::path_of(conf_); !path.empty())
    event_log_ = std::make_unique<event_log>(events_, path);
  std::shared_ptr<executor_port> executors = std::move(o.executors);
  if (executors == nullptr) executors = embedded_executor(threads_);
  static std::atomic<std::uint64_t> engines{0};
  number_ = engines.fetch_add(1);
  checkpoints_ = std::make_unique<checkpoints>();
  bad_records_ = std::make_unique<bad_records>(conf_, events_);
  async_ = std::make_unique<async_threads>();
  scheduler_ = std::make_unique<scheduler>(*this, std::move(executors), o.max_failures);
}

engine::~engine() { stop(); }

int engine::default_parallelism() const {
  return parallelism_is_set() ? static_cast<int>(conf_.integer("default.parallelism")) : threads_;
}

bool engine::parallelism_is_set() const { return conf_.is_set("default.parallelism"); }

void engine::check_running() const {
  if (stopped()) throw usage_error("this context was stopped: make a new one. Context: " + name_);
}

void engine::forget_shuffle(std::int64_t shuffle) noexcept {
  if (scheduler_ != nullptr) scheduler_->outputs().forget(shuffle);
}

void engine::forget_blocks(std::int64_t node) noexcept {
  if (scheduler_ != nullptr) scheduler_->blocks().forget(node);
}

bool engine::in_task() const { return scheduler_->in_task(); }

void engine::stop() {
  if (stopped_.exchange(true)) return;
  scheduler_->stop();
  async_->join();
  bad_records_->close();
  events_.flush();
}

engine& engine_of(const node& dataset) { return static_cast<engine&>(*dataset.context()); }

std::vector<task_result> run_job(const job& what) {
  engine& owner = engine_of(*what.dataset);
  owner.check_running();
  auto results = owner.jobs().run(what);
  owner.checkpointing().follow(what.dataset);
  return results;
}

std::vector<int> all_partitions(const node& dataset) {
  std::vector<int> all(static_cast<std::size_t>(dataset.partitions()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  return all;
}

}  // namespace millrace::detail
