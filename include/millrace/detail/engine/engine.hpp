// The heart of a context: settings, clock, events, executors, and what jobs keep between them.
#pragma once

#include <memory>
#include <string>

#include "millrace/detail/base/clock.hpp"
#include "millrace/detail/base/events.hpp"
#include "millrace/detail/base/settings.hpp"
#include "millrace/detail/dataset/node.hpp"
#include "millrace/detail/engine/accumulators.hpp"

namespace millrace::detail {

class async_threads;
class bad_records;
class checkpoints;
class executor_port;
class memory_budget;
class scheduler;
class spill_space;

/// Shared by all handles and datasets of a context. Any thread.
class engine final : public dataset_context {
 public:
  struct options {
    std::string name;
    int threads = 1;       // that run tasks, the one that asks included
    int max_failures = 1;  // attempts a task has
    settings conf;
    clock* time = nullptr;                     // null: the system's
    std::shared_ptr<executor_port> executors;  // null: embedded, `threads` threads
  };
  explicit engine(options o);
  ~engine() override;

  const std::string& name() const { return name_; }
  const settings& conf() const override { return conf_; }
  clock& time() const { return *time_; }
  event_bus& events() { return events_; }
  scheduler& jobs() { return *scheduler_; }
  memory_budget& memory() { return *memory_; }
  spill_space& disk() { return *disk_; }
  async_threads& async() { return *async_; }
  checkpoints& checkpointing() { return *checkpoints_; }
  bad_records& rejected() { return *bad_records_; }
  accumulator_list& accumulators() { return accumulators_; }
  /// Tells engines of this process apart, also later ones at the same address.
  std::uint64_t number() const { return number_; }

  int default_parallelism() const override;
  int threads() const { return threads_; }
  bool parallelism_is_set() const override;
  void check_running() const override;
  void forget_shuffle(std::int64_t shuffle) noexcept override;
  void forget_blocks(std::int64_t node) noexcept override;

  /// Whether the calling thread runs one of its tasks.
  bool in_task() const;

  /// Ends running jobs with an error and joins all threads; those later where a task calls it.
  /// Idempotent.
  void stop();
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }

 private:
  std::string name_;
  settings conf_;
  clock* time_;
  int threads_;
  event_bus events_;
  std::unique_ptr<event_log> event_log_;
  std::unique_ptr<memory_budget> memory_;
  std::unique_ptr<spill_space> disk_;
  std::unique_ptr<scheduler> scheduler_;
  std::unique_ptr<checkpoints> checkpoints_;
  std::unique_ptr<bad_records> bad_records_;
  std::unique_ptr<async_threads> async_;
  accumulator_list accumulators_;
  std::uint64_t number_;
  std::atomic<bool> stopped_{false};
};

/// The engine of a dataset.
engine& engine_of(const node& dataset);

}  // namespace millrace::detail
