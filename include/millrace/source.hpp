// What `ssc.stream` takes: sources of connectors, and your own.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include "millrace/batch_time.hpp"
#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/streaming/receiving.hpp"
#include "millrace/receiver.hpp"
#include "millrace/streaming_listener.hpp"

namespace millrace {

/// What a replayable source should keep to when it names what a batch reads.
struct batch_limits {
  batch_time time{};                     ///< of the batch
  std::chrono::milliseconds interval{};  ///< of batches
  /// By streaming.receiver.maxRate and back-pressure; at least 1.
  std::int64_t max_records = std::numeric_limits<std::int64_t>::max();
};

/// A source whose records come when they come: `make_receiver` is called once, for each stream that
/// is made of it.
template <class S>
concept receiver_source = requires(const S& source) {
  typename S::record_type;
  {
    source.make_receiver()
  } -> std::convertible_to<std::shared_ptr<receiver<typename S::record_type>>>;
};

/// A source that can be read again. For each batch `next` says on the driver which range the batch
/// reads (a value, of any type that may be a row); `read` gives that range's rows, one partition at
/// a time, in tasks: always the same ones, for a task may run again.
///
///     struct numbers {
///       using record_type = int;
///       struct range { int from, to; };
///       range next(const mr::batch_limits& limits);
///       int partitions(const range& r) const;                                 // 0: nothing
///       void read(const range& r, int partition, mr::emit<int>& out) const;   // out(row)
///       std::int64_t records(const range& r) const;                           // optional
///       void start();                                                         // optional
///       void resume(const range& last);                                       // optional
///       void committed(const range& r);                                       // optional
///       void stop();                                                          // optional
///       mr::measurement measured();                                           // optional
///       mr::on_bad_record on_bad_record = mr::on_bad_record::fail;            // optional
///       int at = 0;
///     };
///
/// The source is copied: `next` is called by one thread, on a copy that keeps what it changes;
/// `read` and `partitions` by several threads, on one that stays as it was given. `records` lets
/// listeners and back-pressure know how many there are. `start` is called once on the copy of
/// `next`, when the context starts; it must not block for long. A record that can't be taken `read`
/// gives to `mr::reject`, with the source's policy. What rows view must live until `read` returns.
/// What any of them throws fails the batch. `stop` is called, by any thread, once no further batch
/// will be made: a `next` that waits for something should return. `measured` is asked after `next`
/// where somebody listens.
///
/// With a checkpoint directory a range is on the disk before anything of its batch runs, and it is
/// read again by a program that is started again. There, before the first `next`, `resume` is
/// called once on the driver's copy with the newest range that an earlier run named: what `next`
/// names comes after it. Without `resume` a source begins anew. `committed` is called, on the
/// driver's copy and between calls to `next`, when it is on the disk that the batch is done.
template <class S>
concept range_source = requires(S& driver, const S& source, const batch_limits& limits) {
  typename S::record_type;
  { source.partitions(driver.next(limits)) } -> std::convertible_to<int>;
  source.read(driver.next(limits), 0, std::declval<emit<typename S::record_type>&>());
};

namespace detail {

template <class S>
concept port_source = requires(const S& source) {
  typename S::record_type;
  { source.make_port() } -> std::convertible_to<std::unique_ptr<receiver_port>>;
};
/// A source that makes its own kind of stream.
template <class S>
concept input_source = requires(const S& source, const stream_engine_ptr& engine) {
  typename S::record_type;
  { source.make_stream(engine) } -> std::convertible_to<stream_ptr>;
};

/// A replayable source of a connector: it says itself when rows go on (`output::flush`), after
/// which nothing that they view is needed any more, and may ask whether its task was cancelled.
template <class S>
concept chunk_source = requires(S& driver, const S& source, const batch_limits& limits) {
  typename S::record_type;
  { source.partitions(driver.next(limits)) } -> std::convertible_to<int>;
  source.read(driver.next(limits), 0, std::declval<output<typename S::record_type>&>(),
              std::declval<const task_context&>());
};

/// A replayable source, untyped.
struct range_functions {
  std::shared_ptr<void> driver;
  function_state reader;
  void (*start)(void* driver);  // null: nothing to do
  function_state (*next)(void* driver, const batch_limits& limits);
  int (*partitions)(const void* reader, const void* range);
  std::int64_t (*records)(const void* reader, const void* range);  // -1: unknown
  void (*read)(const void* reader, const void* range, int partition, step_state& to,
               const task_context& task);
  const row_type* range;                               // how it is encoded
  void (*resume)(void* driver, const void* last);      // null: begins anew
  void (*committed)(void* driver, const void* range);  // null: does not care
  void (*stop)(void* driver);                          // null: does not care
  measurement (*measured)(void* driver);               // null: nothing
  on_bad_record bad_records = on_bad_record::fail;
};
stream_ptr range_stream(const stream_engine_ptr& engine, const row_type& rows, range_functions f);
/// The rows of one range: what such a stream gives for a batch.
node_ptr range_dataset(context_ptr context, const row_type& rows,
                       std::shared_ptr<const range_functions> functions, function_state range);
/// The range that a dataset reads; null where it is none of these or its ranges are of another
/// type.
const void* range_of(const node& dataset, const row_type& range);

template <class S>
range_functions range_functions_of(const S& source) {
  using T = typename S::record_type;
  using range = std::decay_t<decltype(std::declval<S&>().next(std::declval<batch_limits>()))>;
  static_assert(std::is_copy_constructible_v<S>, "millrace: a source must be copyable.");
  void (*resume)(void*, const void*) = nullptr;
  if constexpr (requires(S& s, const range& r) { s.resume(r); })
    resume = [](void* driver, const void* last) {
      static_cast<S*>(driver)->resume(*static_cast<const range*>(last));
    };
  void (*committed)(void*, const void*) = nullptr;
  if constexpr (requires(S& s, const range& r) { s.committed(r); })
    committed = [](void* driver, const void* done) {
      static_cast<S*>(driver)->committed(*static_cast<const range*>(done));
    };
  void (*stop)(void*) = nullptr;
  if constexpr (requires(S& s) { s.stop(); })
    stop = [](void* driver) { static_cast<S*>(driver)->stop(); };
  measurement (*measured)(void*) = nullptr;
  if constexpr (requires(S& s) { measurement{s.measured()}; })
    measured = [](void* driver) -> measurement { return static_cast<S*>(driver)->measured(); };
  on_bad_record bad_records = on_bad_record::fail;
  if constexpr (requires { on_bad_record{source.on_bad_record}; })
    bad_records = source.on_bad_record;
  void (*start)(void*) = nullptr;
  if constexpr (requires(S& driver) { driver.start(); })
    start = [](void* driver) { static_cast<S*>(driver)->start(); };
  return {std::make_shared<S>(source),
          std::make_shared<const S>(source),
          start,
          [](void* driver, const batch_limits& limits) -> function_state {
            return std::make_shared<const range>(static_cast<S*>(driver)->next(limits));
          },
          [](const void* reader, const void* of) -> int {
            return static_cast<const S*>(reader)->partitions(*static_cast<const range*>(of));
          },
          [](const void* reader, const void* of) -> std::int64_t {
            if constexpr (requires(const S& s, const range& r) { s.records(r); })
              return static_cast<const S*>(reader)->records(*static_cast<const range*>(of));
            else return -1;
          },
          [](const void* reader, const void* of, int partition, step_state& step,
             const task_context& task) {
            const S& all = *static_cast<const S*>(reader);
            const range& r = *static_cast<const range*>(of);
            output<T> out(step, {nullptr, 0, false});
            if constexpr (chunk_source<S>) {
              all.read(r, partition, out, task);
            } else {
              (void)task;
              emit<T> to(out);
              all.read(r, partition, to);
              if (!to.enough()) out.flush();
            }
          },
          &row_type_of<range>(),
          resume,
          committed,
          stop,
          measured,
          bad_records};
}

template <class S>
stream_ptr source_stream(const stream_engine_ptr& engine, const S& source) {
  using T = typename S::record_type;
  if constexpr (input_source<S>) {
    return source.make_stream(engine);
  } else if constexpr (port_source<S>) {
    return receiver_stream(engine, row_type_of<T>(), source.make_port());
  } else if constexpr (receiver_source<S>) {
    const std::shared_ptr<receiver<T>> one = source.make_receiver();
    return receiver_stream(engine, row_type_of<T>(), std::shared_ptr<receiver_base>(one));
  } else {
    return range_stream(engine, row_type_of<T>(), range_functions_of(source));
  }
}

}  // namespace detail

template <class S>
concept stream_source =
    detail::input_source<S> || detail::port_source<S> || receiver_source<S> || range_source<S>;

}  // namespace millrace
