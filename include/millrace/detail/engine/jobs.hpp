// Running datasets: what actions are made of.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/node.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/statistics.hpp"

namespace millrace::detail {

class engine;

/// What one task gives back; only that of the first successful attempt is used.
using task_result = std::shared_ptr<void>;

struct job {
  node_ptr dataset;
  std::vector<int> partitions;  // which ones, each once; the results come in this order
  std::string_view action;      // "collect", "count"
  /// Runs in a task, on any thread: consumes the partition.
  std::function<task_result(task_context& task, int partition)> run;
};

/// Runs a job to its end on the calling thread's behalf (which takes part in the work). Throws
/// job_error with the user's exception nested, or usage_error once the context was stopped.
std::vector<task_result> run_job(const job& what);

/// What the jobs that a thread begins on a context belong to, until it says otherwise.
struct job_group {
  std::string id;  // empty: none
  std::string description;
};
void set_job_group(const engine& of, job_group group);
job_group job_group_of(const engine& of);
/// Ends the jobs of the group (of any thread) that run now; `cancel_all_jobs` all of them. They
/// throw an error that says so, at the latest when each of their tasks has worked on about 5 ms of
/// rows.
void cancel_job_group(engine& of, const std::string& id);
void cancel_all_jobs(engine& of);

/// A directory of the engine's own is made in it.
void set_checkpoint_directory(engine& of, const std::string& directory);
/// The next job that needs the dataset is followed by one that writes it to the context's
/// checkpoint directory (usage_error where none was given), or keeps it with the executors.
void checkpoint_to_files(const node& dataset);
void checkpoint_locally(const node& dataset);

/// All partitions of a dataset, in order.
std::vector<int> all_partitions(const node& dataset);

/// What a thread's jobs have in common, as Spark's local properties. A stream's output operation
/// has one lane for all its batches: the lane knows what the last ones cost, and jobs that are
/// expected to take less than waking a second thread run on the calling thread alone.
class job_lane {
 public:
  /// Jobs end with an error when this becomes true. May be null.
  explicit job_lane(const std::atomic<bool>* cancel = nullptr) : cancel_(cancel) {}
  bool cancelled() const { return cancel_ != nullptr && cancel_->load(std::memory_order_relaxed); }
  bool expects_little() const {
    return last_cost_.load(std::memory_order_relaxed) < worth_a_thread;
  }
  void record(std::chrono::nanoseconds cost) {
    last_cost_.store(cost.count(), std::memory_order_relaxed);
  }

 private:
  static constexpr std::int64_t worth_a_thread = 150'000;  // nanoseconds of work in tasks
  const std::atomic<bool>* cancel_;
  std::atomic<std::int64_t> last_cost_{INT64_MAX};  // the first batch is unknown
};

/// Makes `lane` the calling thread's until destroyed; its jobs are of a batch (milliseconds since
/// 1970; -1: of none).
class lane_scope {
 public:
  explicit lane_scope(job_lane& lane, std::int64_t batch_time = -1);
  ~lane_scope();
  lane_scope(const lane_scope&) = delete;
  lane_scope& operator=(const lane_scope&) = delete;

 private:
  job_lane* before_;
  std::int64_t batch_before_;
};
/// Whether the output that the calling thread runs jobs for was told to end at once: nobody waits
/// for it any more. A thread that waits for its job takes part in its tasks, and is told by nobody
/// else meanwhile. False on other threads.
bool lane_cancelled();

// ---- the actions, untyped (each in src/engine/actions/)

/// All rows, in partition order.
row_buffer collect_rows(const node_ptr& dataset);
row_buffer collect_rows(const node_ptr& dataset, std::vector<int> partitions,
                        std::string_view action);
std::int64_t count_rows(const node_ptr& dataset);
/// The rows of each of these partitions, in this order.
std::vector<std::int64_t> count_partitions(const node_ptr& dataset, std::vector<int> partitions,
                                           std::string_view action);
/// The number of each partition's first row, counting over all partitions; no job where there is
/// but one.
std::vector<std::int64_t> row_positions(const node_ptr& dataset, std::string_view action);
/// The first `n` rows: one partition is read, then four times as many as before, until there are
/// enough.
row_buffer take_rows(const node_ptr& dataset, std::int64_t n);

/// An order of rows: the user's own, or that of their values.
struct row_comparison {
  function_state function;
  bool (*less)(const void* function, const void* a, const void* b) = nullptr;  // null: less_rows
  bool descending = false;

  bool before(const row_type& type, const void* a, const void* b) const {
    if (descending) std::swap(a, b);
    return less == nullptr ? less_rows(type, a, b) : less(function.get(), a, b);
  }
};
/// The first `n` rows by an order; of equal ones those that come first.
row_buffer take_ordered(const node_ptr& dataset, std::string_view action, std::int64_t n,
                        const row_comparison& order);
/// `n` rows by chance, in an order by chance; all (once each) where there are fewer.
row_buffer take_sample(const node_ptr& dataset, bool replacement, std::int64_t n,
                       std::uint64_t seed);
/// The values of the pairs with this key, in order.
row_buffer lookup_values(const node_ptr& dataset, const void* key);

/// The sums of rows that are numbers, and all that follows from them.
statistics statistics_of(const node_ptr& dataset, std::string_view action);
/// How many numbers lie in each bucket: [edge, next edge), the last one closed.
std::vector<std::int64_t> histogram(const node_ptr& dataset, const std::vector<double>& edges);
/// The same with `n` buckets of equal width between the least and the greatest; edges first.
std::pair<std::vector<double>, std::vector<std::int64_t>> histogram(const node_ptr& dataset, int n);
/// What can be said about the count after `timeout`.
bounded<double> count_approx(const node_ptr& dataset, std::chrono::milliseconds timeout,
                             double confidence);
/// How many different rows there are, by a sketch.
std::int64_t count_approx_distinct(const node_ptr& dataset, double relative_sd);

/// Folds each partition's rows into at most one row; partitions without one are left out, the
/// others come in partition order. `loop` folds a chunk into `to` (see folds.hpp).
struct partition_fold {
  const row_type* result;
  function_state function;
  void (*loop)(const void* function, row_buffer& to, const chunk& rows, step_state& at);
};
row_buffer fold_partitions(const node_ptr& dataset, std::string_view action,
                           const partition_fold& f);

/// Runs a kernel over all rows for its effects.
void for_each_chunk(const node_ptr& dataset, std::string_view action, const kernel& k);

/// part-NNNNN files of one row a line and _SUCCESS, under a new directory. `overwrite`: a directory
/// that is there already is written over (streams do: a batch may be run again). `codec`: gzip,
/// zstd, lz4, bzip2; empty: plain text.
void save_as_text(const node_ptr& dataset, const std::string& path, bool overwrite,
                  std::string_view codec = {});
/// The same with files that from_object_file reads.
void save_as_object(const node_ptr& dataset, const std::string& path, bool overwrite,
                    std::string_view action = "save_as_object_file");

class partition_input;
/// Calls `write` with each partition, in tasks: what it returned, in order.
using partition_writer = task_result (*)(const void* self, int partition, int attempt,
                                         partition_input& in);
std::vector<task_result> write_partitions(const node_ptr& dataset, const void* self,
                                          partition_writer write);

/// A sample of keys for a range partitioner: bounds for `partitions` ranges of rows that are pairs.
row_buffer_ptr range_bounds(const node_ptr& dataset, int partitions);

}  // namespace millrace::detail
