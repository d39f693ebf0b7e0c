// One batch: from its time to its datasets, from its datasets to finished output operations.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/streaming/stream_graph.hpp"
#include "streaming/commit_turns.hpp"
#include "streaming/recovery/checkpointing.hpp"
#include "streaming/waiting_for_room.hpp"

namespace millrace::detail {

/// What becomes of a batch of which an output failed.
enum class failed_batch : unsigned char {
  stops_the_stream,
  is_parked,    // kept in the log for a re-run; later ones go on
  is_reported,  // later ones go on
};

/// A batch on its way. A job is one output operation that has a dataset at this time.
struct batch {
  struct job {
    output_operation* operation;
    node_ptr dataset;
  };

  time_point_ms time;
  std::vector<job> jobs;
  std::vector<node_ptr> state;  // datasets that the next batch follows from
  std::size_t next = 0;         // the first job that nobody took
  std::size_t left = 0;         // jobs that have not ended
  std::int64_t records = 0;
  std::vector<std::int64_t> records_of_inputs;  // -1: unknown
  bool runs = true;                             // else it is left out, or read for its state alone
  bool logged = false;                          // it has a place in the batch log
  std::mutex mutex;                             // guards what follows
  std::string failure;  // of an output, where later batches go on all the same; else empty
  std::vector<std::shared_ptr<accumulator_tally>> added;  // what counts once it is done
  std::chrono::steady_clock::time_point submitted{};
  std::chrono::steady_clock::time_point started{};
};

/// Generates and runs batches; which thread does it when is the caller's business. `generate` by
/// one thread at a time and in order; `run` and `complete` by any, also while another batch is
/// generated.
class batch_runner {
 public:
  batch_runner(stream_graph& graph, engine& core)
      : graph_(graph), core_(core), room_(core.events()) {}

  /// Batches are logged there from now on. Before the first.
  void log_to(checkpointing* log) { log_ = log; }
  /// Before the first batch. Parking wants a log.
  void on_failure(failed_batch what) { on_failure_ = what; }

  /// Gives what waits to the batch and builds the datasets of all output operations. Throws
  /// stream_error.
  std::unique_ptr<batch> generate(time_point_ms time);
  /// The same for parked batches that somebody has asked to be run again.
  std::vector<std::unique_ptr<batch>> generate_retried();
  /// Batches may run at the same time from now on; sinks commit them in order all the same.
  void overlap() { overlaps_ = true; }
  /// Jobs that have not begun never will, and none waits for others, or for the disk.
  void give_up() {
    turns_.give_up();
    room_.give_up();
  }

  /// Before anything of the batches runs that were generated since the last call: what they read is
  /// on the disk, however long that is full. By the thread that generates.
  void make_sure();
  /// Announces the batch; before its first job.
  void begin(batch& b);
  /// Runs one job on this thread. Throws stream_error where a failure stops the stream.
  void run(batch& b, std::size_t job);
  /// All jobs have ended: inputs and datasets are let go. Throws stream_error where that could
  /// not be logged.
  void complete(batch& b);
  /// All batches that were begun are done, and no more will be.
  void end_outputs();
  /// The batch, or its generation, failed.
  void failed(time_point_ms time, const std::exception& why);

  /// The datasets that a stream has from `from` to `to`, as far as batches were generated.
  std::vector<node_ptr> slice(stream_node& of, time_point_ms from, time_point_ms to);

  /// See stream_engine::while_standing.
  void while_standing(const std::function<void()>& f);

  /// Keeps the first failure, where no loop does.
  void keep_failure(std::exception_ptr why);
  std::exception_ptr kept_failure() const;

  /// The batch that is being generated or comes next, for errors from outside of a batch.
  time_point_ms current() const { return time_point_ms(std::chrono::milliseconds(current_)); }
  void current(time_point_ms time) { current_ = time.time_since_epoch().count(); }

 private:
  class graph_hold;
  static void settle(const batch& b);
  void keep(batch& b, const std::shared_ptr<accumulator_tally>& added);
  void read(batch& b);
  void forget_finished();

  stream_graph& graph_;
  engine& core_;
  checkpointing* log_ = nullptr;  // null: there is no checkpoint directory
  failed_batch on_failure_ = failed_batch::stops_the_stream;
  bool overlaps_ = false;
  commit_turns turns_;
  waiting_for_room room_;
  std::atomic<std::int64_t> current_{0};
  std::int64_t generated_ = INT64_MIN;  // the last batch; guarded by busy_
  // Datasets are dropped by whoever holds `busy_`: a batch that ends while the next one is being
  // generated leaves that to the generating thread.
  std::atomic<bool> busy_{false};
  std::atomic<std::int64_t> finished_{INT64_MIN};
  std::int64_t forgotten_ = INT64_MIN;  // guarded by busy_
  mutable std::mutex mutex_;
  std::exception_ptr failure_;  // guarded by mutex_
};

}  // namespace millrace::detail
