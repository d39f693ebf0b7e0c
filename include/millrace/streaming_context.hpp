// The door to streams: builds them, starts them, waits for their end.
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/context.hpp"
#include "millrace/detail/socket/byte_receiver.hpp"
#include "millrace/detail/streaming/directory.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/dstream.hpp"
#include "millrace/file_stream_options.hpp"
#include "millrace/source.hpp"
#include "millrace/streaming_listener.hpp"

namespace millrace {

struct streaming_context_options {
  /// As in `context_options`.
  std::string name = "millrace";
  std::string master = "local[*]";
  /// From 1 ms on; whole milliseconds.
  std::chrono::milliseconds batch{1000};
  /// As `checkpoint(directory)`; empty: none.
  std::string checkpoint = {};
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
  /// Records from a TCP server, cut out of its bytes by `decode`, which takes one off the front,
  ///
  ///     std::optional<T> decode(std::string_view& bytes);   // none: no whole one has come yet
  ///
  /// or all that are whole: `std::size_t decode(std::string_view bytes, mr::emit<T>& out)` returns
  /// how many bytes it used. It runs on the source's own thread. Connects again after
  /// streaming.receiverRestartDelay, for ever. At most once, unless there is a write-ahead log.
  ///
  /// Bytes for which it throws are a bad record: those that the first form had taken off. Where it
  /// had taken none, or is of the second form, or a record has more than 64 MiB, nobody knows where
  /// the next one begins: at most 64 KiB are kept, and the connection is made anew.
  template <class T, class F>
  dstream<T> socket_stream(std::string host, int port, F decode,
                           on_bad_record bad_records = on_bad_record::fail) const {
    return dstream<T>(detail::receiver_stream(
        core(), detail::row_type_of<T>(),
        detail::socket_receiver(
            std::move(host), port,
            {&detail::row_type_of<T>(), "socket stream", detail::keep_function(std::move(decode)),
             detail::decode_bytes<T, F>, false, bad_records})));
  }
  /// Frames from a TCP server: a length of 4 bytes, the highest first, and so many bytes of rows as
  /// `mr::codec` and millrace encode them (`mr::socket::frame` makes one). A frame is a block, and
  /// so a partition. The rest as `socket_stream`.
  template <class T>
  dstream<T> raw_socket_stream(std::string host, int port,
                               on_bad_record bad_records = on_bad_record::fail) const {
    detail::byte_decoder decoder = detail::frame_decoder(detail::row_type_of<T>());
    decoder.bad_records = bad_records;
    return dstream<T>(detail::receiver_stream(
        core(), detail::row_type_of<T>(),
        detail::socket_receiver(std::move(host), port, std::move(decoder))));
  }
  /// `fallback` and the order are those of `queue_stream_options`.
  template <class T>
  dstream<T> queue_stream(const rdd_queue<T>& queue, queue_stream_options<T> options = {}) const {
    return dstream<T>(
        detail::queue_stream(core(), detail::row_type_of<T>(), queue.core(), options.one_at_a_time,
                             options.fallback ? options.fallback->node() : detail::node_ptr()));
  }
  /// The lines of files that appear in a directory (or in those that a glob names): each file once,
  /// in the batch after it appeared, whatever its own time says. Move files in when they are
  /// complete. What is there at `start` is not read, unless options say so. Hidden files (`.`, `_`)
  /// and `*.tmp`, `*._COPYING_` are not seen. A directory that can't be listed fails the stream.
  dstream<std::string_view> text_file_stream(std::string directory,
                                             file_stream_options options = {}) const;
  /// The same with a reader of yours: `read(const std::string& path)` returns a range of rows, or
  /// takes an `mr::emit<T>&` as well. It runs in a task; a file is a partition.
  template <class T, class F>
  dstream<T> file_stream(std::string directory, F read, file_stream_options options = {}) const {
    const dstream<std::string> paths(detail::path_directory(
        core(), detail::directory_of(std::move(directory), std::move(options))));
    auto rows = paths.flat_map(std::move(read));
    using U = typename decltype(rows)::row_type;
    if constexpr (std::is_same_v<T, U>) return rows;
    else return rows.map([](const U& row) { return T(row); });
  }
  /// Files of records that are `length` bytes each, as views. A file whose size is no multiple
  /// fails the stream.
  dstream<std::string_view> binary_records_stream(std::string directory, std::int64_t length,
                                                  file_stream_options options = {}) const;
  /// The same dataset every batch.
  template <class T>
  dstream<T> constant_stream(const rdd<T>& dataset) const {
    return dstream<T>(detail::constant_stream(core(), dataset.node()));
  }
  /// A source: a value of a connector, or of a type of yours (see source.hpp). It is copied.
  template <stream_source S>
  dstream<typename S::record_type> stream(const S& source) const {
    return dstream<typename S::record_type>(detail::source_stream(core(), source));
  }
  /// What a receiver of yours stores (see receiver.hpp). It is copied, or moved from; an object
  /// that can't be copied is used where it is, and must live until the stream has stopped. Or give
  /// a `std::unique_ptr` or `std::shared_ptr`.
  template <class R>
  auto receiver_stream(R&& receiver) const {
    auto shared = detail::share_receiver(std::forward<R>(receiver));
    using T = typename decltype(shared)::element_type::record_type;
    return dstream<T>(
        detail::receiver_stream(core(), detail::row_type_of<T>(),
                                std::shared_ptr<detail::receiver_base>(std::move(shared))));
  }

  template <class T, class... More>
  dstream<T> union_of(const dstream<T>& first, const More&... more) const {
    static_assert((std::is_base_of_v<dstream<T>, More> && ...),
                  "millrace: a union is of streams with rows of one type; map them to it first.");
    return union_of(std::vector<dstream<T>>{first, more...});
  }
  /// REQUIRES: one or more, else usage_error.
  template <class T>
  dstream<T> union_of(const std::vector<dstream<T>>& all) const {
    std::vector<detail::stream_ptr> nodes;
    for (const dstream<T>& one : all) nodes.push_back(one.node());
    return dstream<T>(detail::union_stream(std::move(nodes)));
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

  /// Where positions of sources, state and batches that are not done are kept for a program that is
  /// started again. `start` makes the directory, or goes on from what an earlier run of the program
  /// left there; two programs can't use one at the same time. The checkpoint holds data and no
  /// code: the graph is what this program has built, and what is in the checkpoint is given to its
  /// inputs and operations by their names (`dstream::named`), types and windows. Where it has no
  /// place for something, `start` throws a usage_error that lists what would be lost.
  ///
  /// Before a batch runs, what it reads is on the disk. After a crash a batch that was not done
  /// runs again with the same input and the same time, sinks of two phases leave out what they
  /// have, and other outputs may see a batch twice. Batches whose time passed meanwhile are made up
  /// for, each at its time, or as one (streaming.recovery.mergeMissedBatches). What queue streams
  /// hold and what receivers got without a log of their own is gone with the process.
  ///
  /// Empty: none. usage_error after start.
  void checkpoint(std::string directory) const;

  /// A new context with the options, that directory, and the graph that `build` makes, which goes
  /// on from what `directory` holds when it is started. Not started.
  static streaming_context get_or_create(std::string directory, streaming_context_options options,
                                         const std::function<void(streaming_context&)>& build);

  /// The one that is active in this process.
  static std::optional<streaming_context> active();
  /// That, or else what `make()` returns.
  template <class F>
  static streaming_context active_or_create(F make) {
    if (std::optional<streaming_context> found = active()) return *std::move(found);
    return make();
  }
  /// That, or else `get_or_create` of the same.
  static streaming_context active_or_create(std::string directory,
                                            streaming_context_options options,
                                            const std::function<void(streaming_context&)>& build) {
    if (std::optional<streaming_context> found = active()) return *std::move(found);
    return get_or_create(std::move(directory), std::move(options), build);
  }

  /// For the engine.
  const detail::stream_engine_ptr& core() const;

 private:
  struct state_type;
  template <std::same_as<std::shared_ptr<state_type>> State>  // so that {} is never one
  explicit streaming_context(State state) : state_(std::move(state)) {}

  std::shared_ptr<state_type> state_;
};

}  // namespace millrace
