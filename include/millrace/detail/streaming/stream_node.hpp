// A stream, untyped: what it is made of and which dataset it gives at a batch time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/base/clock.hpp"
#include "millrace/detail/dataset/node.hpp"
#include "millrace/detail/dataset/row_type.hpp"
#include "millrace/storage_level.hpp"

namespace millrace::detail {

class kept_state;
class replayable_input;
class stream_engine;
class stream_node;
using stream_engine_ptr = std::shared_ptr<stream_engine>;
using stream_ptr = std::shared_ptr<stream_node>;

/// Three facts make a stream: its parents, how often it gives a dataset (its slide), and how the
/// dataset of a time is made. The graph is built by the program's thread; once the context has
/// started it stands still, and only the thread that generates a batch calls `dataset`.
class stream_node {
 public:
  struct facts {
    stream_engine_ptr engine;
    const row_type* rows;
    std::string_view operation;  // a literal: "map", "reduce_by_key"
    std::vector<stream_ptr> parents;
    std::chrono::milliseconds slide{0};  // 0: the first parent's
  };
  /// usage_error: the context has started, or the parents differ in slide or context.
  explicit stream_node(facts f);
  stream_node(const stream_node&) = delete;
  stream_node& operator=(const stream_node&) = delete;
  virtual ~stream_node();

  const row_type& rows() const { return *rows_; }
  std::string_view operation() const { return operation_; }
  const std::vector<stream_ptr>& parents() const { return parents_; }
  std::chrono::milliseconds slide() const { return slide_; }
  /// usage_error where the context is gone.
  stream_engine_ptr engine() const;

  /// The dataset of a time: computed once, then the same until it is forgotten. Null: the stream
  /// has none at that time.
  node_ptr dataset(time_point_ms time);
  /// Whether the stream has a batch then: after the zero time, by a multiple of the slide.
  bool valid(time_point_ms time) const {
    return time > zero_ && (time - zero_) % slide_ == std::chrono::milliseconds{0};
  }
  time_point_ms zero() const { return zero_; }

  // ---- set while the graph is built
  void name(std::string text) { name_ = std::move(text); }
  /// What the program called it, else its operation.
  std::string name() const { return name_.empty() ? std::string(operation_) : name_; }
  virtual void keep(storage_level level) { kept_ = level; }
  /// 0: as the context's setting says. Checked at start.
  void checkpoint(std::chrono::milliseconds interval) { checkpoint_interval_ = interval; }
  /// Its datasets will be read by several batches: keeps them, unless the program said how.
  virtual void keep_for_reading() {
    if (kept_ == storage_level::none) kept_ = storage_level::memory;
  }

  // ---- for the graph
  virtual void start(time_point_ms zero);
  /// Datasets stay for at least so long after their batch; parents for what this one needs of them.
  void remember(std::chrono::milliseconds at_least);
  void forget(time_point_ms up_to);
  virtual void clear() { generated_.clear(); }
  /// Whether a batch follows from the one before: then each batch is computed whole.
  virtual bool has_state() const { return false; }
  /// What it keeps from batch to batch and a checkpoint must hold, once the graph has started.
  virtual std::vector<std::shared_ptr<kept_state>> kept_states() { return {}; }
  /// The dataset of a time if it was asked for and is remembered; else null.
  node_ptr known_dataset(time_point_ms time) const;
  /// From now on the stream has this dataset (null: none) at a time before the first batch of this
  /// run: an earlier run had it then. Does nothing where it has one.
  void restore_dataset(time_point_ms time, node_ptr dataset);
  /// Whether the time is so long ago that its dataset is not remembered.
  bool forgot(time_point_ms time) const { return time <= forgotten_; }
  bool started() const { return started_; }

 protected:
  /// Called at most once a time, only for valid ones.
  virtual node_ptr compute(time_point_ms time) = 0;
  /// How long a parent must remember so that this one can: a window adds its length.
  virtual std::chrono::milliseconds parents_remember() const { return remember_; }
  std::chrono::milliseconds remembered() const { return remember_; }
  /// The dataset of a time is this one.
  void give(time_point_ms time, node_ptr dataset);

 private:
  struct made {
    time_point_ms time;
    node_ptr dataset;
  };

  std::weak_ptr<stream_engine> engine_;
  const row_type* rows_;
  std::string_view operation_;
  std::vector<stream_ptr> parents_;
  std::chrono::milliseconds slide_;
  std::chrono::milliseconds remember_{0};
  time_point_ms zero_{};
  time_point_ms forgotten_{};
  bool started_ = false;
  std::chrono::milliseconds checkpoint_interval_{0};
  storage_level kept_ = storage_level::none;
  std::string name_;
  std::vector<made> generated_;  // a handful; cleared from the front
};

/// How a batch went, for inputs that adapt.
struct batch_outcome {
  time_point_ms time;
  std::chrono::steady_clock::time_point ended;
  std::chrono::nanoseconds scheduling_delay;
  std::chrono::nanoseconds processing_delay;
};

/// A stream that comes from outside. Numbered from 0 in the order of creation.
class input_stream : public stream_node {
 public:
  /// Registers itself when added to its engine (`add_input`).
  explicit input_stream(facts f);

  int id() const { return id_; }

  /// Begins to receive; must not block. Called once.
  virtual void open() {}
  /// Receives nothing any more once it returned. May be called twice; any thread.
  virtual void close() noexcept {}
  /// Whether it receives between batches, so that `cut` is to be called every
  /// streaming.blockInterval.
  virtual bool receives() const { return false; }
  /// What arrived so far makes a block. By the thread that generates batches.
  virtual void cut() {}
  /// Whether records wait for a batch. REQUIRES: closed.
  virtual bool holds_records() { return false; }
  /// Names what the batch reads; everything that waits belongs to it. How many records that is;
  /// -1: unknown.
  virtual std::int64_t allocate(time_point_ms) { return 0; }
  /// Instead of `allocate`: the batch reads nothing, for it is left out or can't be read again.
  void allocate_nothing(time_point_ms time);
  /// Null: what a batch read is gone when the program dies.
  virtual replayable_input* replay() { return nullptr; }
  /// The batch is done with what was allocated to it. Any thread.
  virtual void finished(const batch_outcome&) noexcept {}
  /// For messages and receiver events: "socket text localhost:9999".
  virtual std::string description() const { return name(); }

 private:
  int id_;
};

}  // namespace millrace::detail
