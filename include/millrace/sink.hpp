// What `dstream::write` takes: sinks of connectors, and your own.
#pragma once

#include <chrono>
#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/batch_time.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/detail/streaming/operations.hpp"
#include "millrace/partition_rows.hpp"
#include "millrace/streaming_listener.hpp"

namespace millrace {

/// What is being written. The first four name the rows: what is written again under the same four
/// is the same, so that a sink can leave it out or write over it.
struct output_id {
  std::string application;  ///< the context's name
  std::string operation;    ///< the stream's name, else "write"; "#2", "#3" … where that is taken
  batch_time batch{};
  int partition = 0;  ///< -1: the batch as a whole
  int attempt = 0;    ///< of the task, from 0
};

namespace detail {

template <class S, class T>
using receipts = std::vector<std::decay_t<decltype(std::declval<const S&>().prepare(
    std::declval<const output_id&>(), std::declval<partition_rows<T>&>()))>>;

}  // namespace detail

/// At least once: a task that fails is run again, and so is a batch.
template <class S, class T>
concept writing_sink =
    requires(const S& sink, const output_id& id, partition_rows<T>& rows) { sink.write(id, rows); };
/// Two phases. `prepare` runs in tasks and returns a receipt (any movable value) for what it wrote
/// where nobody looks; when all tasks of the batch are done, `commit` makes it visible, on the
/// driver, with the receipts in the order of partitions and after the batches before. The batch is
/// an `output_id` (partition -1) or a `batch_time`, whichever the sink takes. Where the sink has
/// `committed(batch)`, it is asked before anything is prepared: true leaves the batch out. A
/// `commit` that failed may be called again for the same batch. A sink that knows no more than
/// which batch it committed last has `static constexpr bool commits_in_order = true`, and failed
/// batches can't be parked (streaming.onBatchFailure) then. Where it has `ended(id)`, that is
/// called when the stream was stopped and nothing runs any more, with the time of the last batch
/// that was begun; not where the stream failed. Where it has `measured(batch)`, an mr::measurement,
/// that is asked after `commit` where somebody listens.
template <class S, class T>
concept committing_sink = requires(const S& sink, const output_id& id, partition_rows<T>& rows) {
  sink.prepare(id, rows);
} && (requires(const S& sink, const output_id& batch) {
  sink.commit(batch, std::declval<detail::receipts<S, T>>());
} || requires(const S& sink, batch_time batch) {
  sink.commit(batch, std::declval<detail::receipts<S, T>>());
});

/// Its functions are called from several threads at once.
template <class S, class T>
concept stream_sink = writing_sink<S, T> || committing_sink<S, T>;

namespace detail {

std::string application_of(const node_ptr& dataset);
/// Whether anybody wants events of this dataset's context.
bool somebody_listens(const node_ptr& dataset);
/// What a sink measured when it committed a batch, and how long that took.
void tell_of_commit(const node_ptr& dataset, measurement m, time_point_ms batch,
                    std::chrono::nanoseconds took);
/// Returns when the batches before the one whose job this thread runs are done.
void await_turn_to_commit();
/// The name that `output_id` gives to an output of this stream that is registered now.
std::string output_name(const stream_ptr& from);

template <class S>
struct writing {
  S sink;
  std::string operation;
};

template <class S>
struct partition_writing {
  const S& sink;
  const output_id& batch;

  template <class T, bool Prepare>
  static task_result run(const void* self, int partition, int attempt, partition_input& in) {
    const auto& all = *static_cast<const partition_writing*>(self);
    output_id id = all.batch;
    id.partition = partition;
    id.attempt = attempt;
    partition_rows<T> rows(in);
    if constexpr (Prepare) {
      using receipt = std::decay_t<decltype(all.sink.prepare(id, rows))>;
      return std::make_shared<receipt>(all.sink.prepare(std::as_const(id), rows));
    } else {
      all.sink.write(std::as_const(id), rows);
      return nullptr;
    }
  }
};

template <class T, class S>
void write_batch(const void* function, const node_ptr& dataset, time_point_ms time) {
  const S& sink = function_in<writing<S>>(function).sink;
  const std::string& operation = function_in<writing<S>>(function).operation;
  const output_id batch{application_of(dataset), operation, time, -1, 0};
  const partition_writing<S> tasks{sink, batch};
  if constexpr (committing_sink<S, T>) {
    using all_receipts = receipts<S, T>;
    if constexpr (requires { sink.committed(batch); }) {
      if (sink.committed(batch)) return;
    } else if constexpr (requires { sink.committed(batch.batch); }) {
      if (sink.committed(batch.batch)) return;
    }
    all_receipts all;
    for (const task_result& one :
         write_partitions(dataset, &tasks, partition_writing<S>::template run<T, true>))
      all.push_back(std::move(*static_cast<typename all_receipts::value_type*>(one.get())));
    await_turn_to_commit();
    const auto began = std::chrono::steady_clock::now();
    if constexpr (requires { sink.commit(batch, std::move(all)); })
      sink.commit(batch, std::move(all));
    else sink.commit(batch.batch, std::move(all));
    if (!somebody_listens(dataset)) return;
    measurement m{operation, {}};
    if constexpr (requires { m = sink.measured(batch); }) m = sink.measured(batch);
    tell_of_commit(dataset, std::move(m), time, std::chrono::steady_clock::now() - began);
  } else {
    write_partitions(dataset, &tasks, partition_writing<S>::template run<T, false>);
  }
}

template <class S>
void end_writing(const void* function, const std::string& application, time_point_ms last) {
  const auto& all = function_in<writing<S>>(function);
  all.sink.ended(output_id{application, all.operation, last, -1, 0});
}

template <class T, class S>
void write_stream(const stream_ptr& from, S sink) {
  static_assert(
      stream_sink<S, T>,
      "millrace: this sink can't take the rows of this stream. As a const object it must have "
      "`write(const mr::output_id&, mr::partition_rows<T>&)`, or `prepare` with the same "
      "parameters, which returns a receipt, and `commit(const mr::output_id&, "
      "std::vector<receipt>)`.");
  std::string name = output_name(from);
  output_function f{keep_function(writing<S>{std::move(sink), std::move(name)}), write_batch<T, S>};
  if constexpr (requires { S::commits_in_order; }) f.in_order = S::commits_in_order;
  if constexpr (requires(const S& s, const output_id& id) { s.ended(id); }) f.end = end_writing<S>;
  add_output(from, "write", std::move(f));
}

}  // namespace detail
}  // namespace millrace
