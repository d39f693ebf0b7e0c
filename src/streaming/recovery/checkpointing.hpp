// What a checkpoint directory adds to the batches of a stream.
//
// The order of a batch, from which it follows that nothing is lost and nothing counts twice
// (batch_runner.cpp is its other half):
//
//   1. The clock fires. `next` says how the batch is read: anew, or again as the log has it.
//   2. Inputs name what it reads, and its datasets are made.
//   3. `log` appends ranges and numbers of partitions; `sync` puts them on the disk. Where batches
//      are shorter than that takes, several share one `sync`.
//   4. Its output operations run. A sink of two phases is asked `committed`; else it prepares, and
//      commits when the batches before have.
//   5. `committed` appends the mark that the batch is done. It is on the disk with the next `sync`,
//      after which inputs hear of it and may let go of what was read.
//   6. Every streaming.checkpoint.interval positions and state are written as a batch left them, in
//      the background, and the log begins anew behind them.
//
// A run that dies between 3 and 5 leaves a batch that the next run reads again by the same ranges;
// sinks that have it say so. State is brought back as of the newest checkpoint, and batches after
// it that were done run once more for their state alone.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "millrace/detail/engine/accumulators.hpp"
#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/streaming/stream_graph.hpp"
#include "streaming/recovery/batch_log.hpp"
#include "streaming/recovery/checkpoint.hpp"
#include "streaming/recovery/checkpoint_directory.hpp"
#include "streaming/recovery/kept_state.hpp"

namespace millrace::detail {

/// How the inputs of a batch are read.
enum class batch_reading : unsigned char {
  anew,        // inputs name what they have
  again,       // what the log says; outputs run
  for_state,   // what the log says; outputs are done
  of_nothing,  // the batch is left out
};

/// "Generating thread": the one that generates a batch, one at a time.
class checkpointing {
 public:
  /// Takes the directory over and reads what is there. usage_error, error: it can't.
  checkpointing(file_system& files, std::string directory, stream_graph& graph,
                std::shared_ptr<engine> core, std::chrono::milliseconds batch_interval);
  /// Waits for a checkpoint that is being written.
  ~checkpointing();
  checkpointing(const checkpointing&) = delete;
  checkpointing& operator=(const checkpointing&) = delete;

  /// See checkpoint_directory.
  std::function<void()> owner_check() const { return directory_.owner_check(); }

  // ---- the start, one thread

  /// The graph's zero time, where a first run would take `fresh`.
  time_point_ms zero(time_point_ms fresh) const;
  /// Batches that are parked are to run with `recover`.
  void retry_parked() { retry_parked_ = true; }
  /// Brings back what inputs and operations had. The graph has been started with `zero`, its inputs
  /// are not open. `now`: the clock's. Returns the time of the first batch. usage_error: the graph
  /// has no place for what there is, with a list.
  time_point_ms recover(time_point_ms now);
  /// Once the inputs are open: the first checkpoint of this run, and its log.
  void begin();
  /// The newest batch that an earlier run logged; 0: none.
  time_point_ms last() const { return recovered_last_; }
  /// From now on checkpoints are written by a thread of their own.
  void write_in_background();

  // ---- batches

  /// Generating thread, before anything else of the batch.
  batch_reading next(time_point_ms time);
  /// In place of the graph's own: gives the inputs what the log has. For each how many records that
  /// are, -1: unknown.
  std::vector<std::int64_t> allocate_again(time_point_ms time);
  /// Generating thread. `partitions`: of the dataset of each job. usage_error: the log has other
  /// numbers for this batch.
  void log(time_point_ms time, std::vector<std::int32_t> partitions);
  /// Generating thread: parked batches that are to run again from now on, as somebody has asked for
  /// (parked_batches.hpp). The log has it, with the next `sync` on the disk.
  std::vector<time_point_ms> retried();
  /// Generating thread: what was appended is on the disk. Throws when another run has taken over;
  /// after a `full_disk` it may be called again.
  void sync();
  /// The batch is done, and what it added counts. Any thread.
  void committed(time_point_ms time, const std::vector<std::shared_ptr<accumulator_tally>>& added);
  /// An output of it failed, and it is kept. Any thread.
  void parked(time_point_ms time, std::string reason);
  /// After the last batch. `whole`: all that were logged are done, so one more checkpoint is taken.
  void finish();

 private:
  struct taken {
    time_point_ms as_of;
    std::vector<std::string> positions;
    std::vector<kept_version_ptr> versions;
  };

  /// Whether an earlier run logged a batch.
  bool goes_on() const;
  void match_inputs(const checkpoint& before, std::vector<std::string>& lost);
  void match_states(const checkpoint& before, std::vector<std::string>& lost);
  void resume_inputs(const checkpoint& before);

  void append(const log_record& record);  // REQUIRES: mutex_
  void begin_log_again();                 // REQUIRES: mutex_
  void synced(const std::shared_ptr<batch_log_writer>& log, std::uint64_t bytes,
              std::size_t records);  // REQUIRES: mutex_
  bool done_up_to(time_point_ms time) const;
  taken take(time_point_ms as_of);
  void write_if_room(const taken& what);
  void write(const taken& what, std::uint64_t number);
  void exchange_log(const std::shared_ptr<batch_log_writer>& fresh, std::uint64_t number,
                    std::uint64_t after);
  std::vector<checkpoint::state> write_states(const taken& what, std::uint64_t number);
  void work();

  stream_graph& graph_;
  std::shared_ptr<engine> core_;
  std::chrono::milliseconds batch_interval_;
  std::chrono::milliseconds interval_;
  checkpoint_directory directory_;
  directory_contents before_;  // until `begin`
  bool retry_parked_ = false;

  // The generating thread's.
  std::vector<std::shared_ptr<kept_state>> states_;
  std::map<time_point_ms, logged_batch> again_;
  time_point_ms recovered_last_{};
  time_point_ms missed_until_{};  // batches of the downtime before this one are left out
  time_point_ms generated_{};
  time_point_ms taken_{};              // the batch before which a checkpoint was taken last
  std::vector<std::string> taken_up_;  // files of requests that the log has

  // Of the last checkpoints of this run, the oldest first; whoever writes them.
  std::deque<std::vector<std::string>> positions_;

  std::mutex syncing_;  // before mutex_: while the log is flushed, or exchanged
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<batch_log_writer> log_;  // as are all that follow, guarded by mutex_
  // Null: there was no room for it. The file is left, and a new one follows what is synced in it.
  std::uint64_t log_number_ = 0;
  std::uint64_t log_synced_ = 0;       // entries of it
  std::vector<log_record> unsynced_;   // behind those, in it or not
  std::uint64_t numbers_ = 0;          // that were given to checkpoints and logs
  checkpoint now_;                     // with all that is in the log
  std::vector<time_point_ms> marked_;  // committed since the last `sync`
  std::optional<taken> to_write_;
  bool writing_ = false;
  bool ending_ = false;
  bool no_room_said_ = false;  // for checkpoints
  std::exception_ptr failure_;
  std::thread writer_;
};

}  // namespace millrace::detail
