// The door to streams: builds them, starts them, waits for their end.
#pragma once

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/context.hpp"
#include "millrace/detail/streaming/receiving.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/dstream.hpp"
#include "millrace/streaming_listener.hpp"

namespace millrace {

struct streaming_context_options {
  /// As in `context_options`.
  std::string name = "millrace";
  std::string master = "local[*]";
  /// From 1 ms on; whole milliseconds.
  std::chrono::milliseconds batch{1000};
  std::vector<std::pair<std::string, std::string>> conf = {};
  /// Whether `start` sees to SIGINT and SIGTERM, where the program has no handler of its own: the
  /// first stops the stream gracefully (see streaming.stopGracefullyOnShutdown) and
  /// `await_termination` returns; the second ends the process at once.
  bool signals = true;
};

enum class streaming_state { initialized, active, stopped };

/// Datasets that wait to become batches: `ssc.queue_stream(queue)`. Copies share one queue; any
/// thread.
template <class T>
class rdd_queue {
 public:
  void push(const rdd<T>& dataset) const { queue_->push(dataset.node()); }
  std::size_t size() const { return queue_->size(); }

  /// For the engine.
  const std::shared_ptr<detail::dataset_queue>& core() const { return queue_; }

 private:
  std::shared_ptr<detail::dataset_queue> queue_ = std::make_shared<detail::dataset_queue>();
};

template <class T>
struct queue_stream_options {
  /// One dataset a batch; else all that wait.
  bool one_at_a_time = true;
  /// What a batch gets that finds the queue empty; else it is empty too.
  std::optional<rdd<T>> fallback = std::nullopt;
};

/// A source: a value of a connector.
template <class S>
concept stream_source = requires(const S& source) {
  typename S::record_type;
  { source.make_port() } -> std::convertible_to<std::unique_ptr<detail::receiver_port>>;
};

/// A handle: copies share one streaming context. It goes from initialized over active to stopped
/// and never back; one is active in a process at a time. The graph is built by one thread before
/// `start`; start, stop, state and waiting are for any thread.
///
/// Batch times are the multiples of the interval since 1970; the first batch is the next one after
/// `start`. No batch is ever left out: when one takes longer than the interval, the next ones wait.
///
/// When a batch fails the stream stops: later batches do not run, and `await_termination` throws a
/// `stream_error` with the batch's time, the output operation, and the cause nested.
///
/// When the last handle goes while the stream runs, it is stopped at once.
class streaming_context {
 public:
  streaming_context(const millrace::context& over, std::chrono::milliseconds batch);
  /// With a context of its own.
  explicit streaming_context(streaming_context_options options);

  const millrace::context& context() const;

  // ---- sources

  /// Lines from a TCP server, see `mr::socket::text`.
  dstream<std::string_view> socket_text_stream(std::string host, int port) const;
  /// `fallback` and the order are those of `queue_stream_options`.
  template <class T>
  dstream<T> queue_stream(const rdd_queue<T>& queue, queue_stream_options<T> options = {}) const {
    return dstream<T>(
        detail::queue_stream(core(), detail::row_type_of<T>(), queue.core(), options.one_at_a_time,
                             options.fallback ? options.fallback->node() : detail::node_ptr()));
  }
  /// The same dataset every batch.
  template <class T>
  dstream<T> constant_stream(const rdd<T>& dataset) const {
    return dstream<T>(detail::constant_stream(core(), dataset.node()));
  }
  template <stream_source S>
  dstream<typename S::record_type> stream(const S& source) const {
    using T = typename S::record_type;
    return dstream<T>(
        detail::receiver_stream(core(), detail::row_type_of<T>(), source.make_port()));
  }

  template <class T, class... More>
  dstream<T> union_of(const dstream<T>& first, const More&... more) const {
    return dstream<T>(detail::union_stream({first.node(), more.node()...}));
  }
  /// `f` takes the datasets that the streams have at a time and, if it likes, that time.
  template <class F, class... T>
  auto transform(F f, const dstream<T>&... streams) const {
    return detail::derive<T...>({streams.node()...}, "transform",
                                detail::missing_parent::is_an_error, std::move(f));
  }

  // ---- life

  /// Every stream keeps its datasets for at least so long. usage_error after start.
  void remember(std::chrono::milliseconds at_least) const;

  /// Begins; returns at once. Where it is active it does nothing. usage_error: there is no output
  /// operation, another one is active, or it was stopped.
  void start() const;
  /// Returns when the stream has stopped: by `stop`, by a signal. Throws stream_error when a batch,
  /// a source or the making of a batch failed.
  void await_termination() const;
  /// The same for at most so long; false: it goes on.
  bool await_termination_for(std::chrono::nanoseconds most) const;

  struct stop_options {
    /// Whether the context over which it was made is stopped too.
    bool context = true;
    /// Sources stop, what they hold gets one more batch, and all batches run to their end, within
    /// streaming.gracefulStopTimeout. Else no further job is begun.
    bool graceful = false;
  };
  /// Returns when it has stopped; called from one of the stream's own jobs, before that.
  /// Idempotent.
  void stop(stop_options how) const;
  void stop() const { stop(stop_options{}); }

  streaming_state state() const;

  /// From now on; called off the jobs' way. It must live until it is removed or the last handle
  /// goes.
  void add_listener(streaming_listener& listener) const;
  void add_listener(std::shared_ptr<streaming_listener> listener) const;
  /// No call is running or comes after it, unless it is called from one.
  void remove_listener(const streaming_listener& listener) const;
  void remove_listener(const std::shared_ptr<streaming_listener>& listener) const;

  /// The one that is active in this process.
  static std::optional<streaming_context> active();
  /// That, or else what `make()` returns.
  template <class F>
  static streaming_context active_or_create(F make) {
    if (std::optional<streaming_context> found = active()) return *std::move(found);
    return make();
  }

  /// For the engine.
  const detail::stream_engine_ptr& core() const;

 private:
  struct state_type;
  explicit streaming_context(std::shared_ptr<state_type> state) : state_(std::move(state)) {}

  std::shared_ptr<state_type> state_;
};

}  // namespace millrace
