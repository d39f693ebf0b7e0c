// The heart of a streaming context: its graph, its batches, its life from start to stop.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/detail/base/clock.hpp"
#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/streaming/stream_graph.hpp"

namespace millrace::detail {

class batch_loop;
class batch_runner;
class checkpointing;
class file_system;
class key_value_store;

/// Any thread may call any member but where said otherwise.
class stream_engine : public std::enable_shared_from_this<stream_engine> {
 public:
  enum class life : unsigned char { initialized, active, stopped };
  enum class ending : unsigned char { at_once, graceful };

  /// `interval` of batches: at least 1 ms, else usage_error.
  stream_engine(std::shared_ptr<engine> core, std::chrono::milliseconds interval);
  /// REQUIRES: not active, or the last thread of its own lets it go.
  ~stream_engine();
  stream_engine(const stream_engine&) = delete;
  stream_engine& operator=(const stream_engine&) = delete;

  const std::shared_ptr<engine>& core() const { return core_; }
  std::chrono::milliseconds interval() const { return interval_; }
  life state() const { return life_.load(std::memory_order_acquire); }

  // ---- the graph; one thread
  /// usage_error once the context has started or stopped.
  void check_building(std::string_view what) const;
  stream_graph& graph() { return graph_; }

  /// Where state, offsets and batches are kept for a program that is started again; empty: nowhere.
  void checkpoint(std::string directory) { checkpoint_ = std::move(directory); }
  const std::string& checkpoint() const { return checkpoint_; }
  /// What streaming.onBatchFailure is where the program does not set it: "stop", "report".
  void on_batch_failure(std::string policy) { on_failure_ = std::move(policy); }
  /// On this file system, which outlives the engine; by default, the directory's own.
  void checkpoint_on(file_system& files) { checkpoint_files_ = &files; }
  /// REQUIRES: there is a directory.
  file_system& checkpoint_files() const;
  /// Throws `error` once another run has taken the directory over. REQUIRES: the stream starts, or
  /// runs, with a directory.
  std::function<void()> checkpoint_owner_check() const;

  /// The stream's datasets of the times from `from` to `to`, both included; where they are not the
  /// stream's, the ones before them. Any thread. usage_error: it has not started, or a batch was
  /// forgotten.
  std::vector<node_ptr> slice(stream_node& of, time_point_ms from, time_point_ms to);

  /// Where state that does not lie in memory does, by `streaming.state.store`; null: all of it lies
  /// in memory.
  const std::shared_ptr<key_value_store>& state_store();

  /// Calls `f` while no batch is made, so that it may ask streams for datasets. Any thread.
  void while_standing(const std::function<void()>& f);

  // ---- its life
  /// Batches from the next multiple of the interval on, on threads of their own; where a checkpoint
  /// directory holds an earlier run's, from there on. Does nothing where it is active. `when_ended`
  /// is called once, by the thread that ends the last.
  void start(std::function<void()> when_ended = {});
  /// The same without threads: a batch runs when `step` is called, on the calling thread. Batches
  /// that an earlier run began run now; the time of the newest is returned, or 0.
  time_point_ms start_stepped();
  /// Runs the batch of `time`. Throws stream_error; after that nothing runs.
  void step(time_point_ms time);

  /// Ends it and waits until the last batch has ended. Graceful: inputs close, records that wait
  /// get one more batch, and all batches run to their end, within streaming.gracefulStopTimeout. At
  /// once: what runs has two seconds, then it is cancelled. From one of its own jobs or tasks it
  /// returns before the end, which comes all the same. May be called at any time, by several
  /// threads.
  void stop(ending how);
  /// As if the process had been killed: at once, and no last checkpoint is written. For tests.
  /// REQUIRES: stepped, and no batch runs.
  void abandon();
  /// Returns when it has ended; throws the first failure. usage_error: it was never started.
  void await();
  /// False: it has not ended within `most`.
  bool await_for(std::chrono::nanoseconds most);

  /// Batches with a job that has not begun.
  std::size_t waiting_batches() const;

  /// The stream fails, from outside of a batch (a receiver).
  void fail(std::exception_ptr why, std::string_view where) noexcept;

  /// The one that is active in the process; null: none.
  static stream_engine_ptr active();

  /// What the program knows it by, for whoever finds it by `active`. Set once, before it is shared.
  void owner(std::weak_ptr<void> one) { owner_ = std::move(one); }
  std::shared_ptr<void> owner() const { return owner_.lock(); }

 private:
  time_point_ms zero_time() const;
  time_point_ms begin();
  void finish_checkpoints();
  void enter_active();
  void leave_active() noexcept;
  void see_to_the_end(ending how);
  void behind() noexcept;
  void ended() noexcept;
  std::exception_ptr first_failure() const;
  void rethrow_failure();

  std::shared_ptr<engine> core_;
  std::chrono::milliseconds interval_;
  std::atomic<life> life_{life::initialized};
  std::atomic<bool> cancel_{false};
  bool abandoned_ = false;
  stream_graph graph_;
  std::string checkpoint_;
  std::string on_failure_;
  file_system* checkpoint_files_ = nullptr;
  std::shared_ptr<key_value_store> state_store_;
  std::unique_ptr<checkpointing> checkpointing_;  // null: no directory
  std::unique_ptr<batch_runner> runner_;
  std::unique_ptr<batch_loop> loop_;
  std::function<void()> when_ended_;
  std::weak_ptr<void> owner_;
  std::atomic<bool> watched_ending_[2]{};  // by `ending`: a thread of its own sees to it
  std::atomic<bool> failure_seen_{false};
};

}  // namespace millrace::detail
