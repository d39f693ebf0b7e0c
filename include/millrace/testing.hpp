// Streams without a clock: batches in, batches out, and programs that die.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/millrace.hpp"

namespace millrace::testing {

class program_fixture;

/// What a stream gave, batch by batch; owns the rows and all that they view.
template <class T>
class batches {
 public:
  using value_type = rows<T>;
  using const_iterator = typename std::vector<rows<T>>::const_iterator;
  using iterator = const_iterator;

  explicit batches(std::vector<rows<T>> all) : all_(std::move(all)) {}

  const_iterator begin() const { return all_.begin(); }
  const_iterator end() const { return all_.end(); }
  std::size_t size() const { return all_.size(); }
  bool empty() const { return all_.empty(); }
  const rows<T>& operator[](std::size_t i) const& { return all_[i]; }
  // Of a temporary by value, which shares the rows: `for (auto& row : seen.batches()[0])` is right.
  rows<T> operator[](std::size_t i) const&& { return all_[i]; }
  /// REQUIRES: not empty.
  const rows<T>& front() const& { return all_.front(); }
  rows<T> front() const&& { return all_.front(); }
  const rows<T>& back() const& { return all_.back(); }
  rows<T> back() const&& { return all_.back(); }

  /// The same with the rows of each batch in order (by `<`, field by field).
  batches sorted() const {
    const detail::row_type& type = detail::row_type_of<T>();
    std::vector<rows<T>> all;
    for (const rows<T>& batch : all_) {
      std::vector<const T*> order;
      for (const T& row : batch) order.push_back(&row);
      std::stable_sort(order.begin(), order.end(),
                       [&](const T* a, const T* b) { return detail::less_rows(type, a, b); });
      detail::row_buffer buffer(type);
      for (const T* row : order) buffer.append({const_cast<T*>(row), 1, false});
      all.emplace_back(std::move(buffer));
    }
    return batches(std::move(all));
  }

  friend bool operator==(const batches& a, const std::vector<std::vector<T>>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const rows<T>& x, const std::vector<T>& y) { return x == y; });
  }
  friend bool operator==(const batches& a, const batches& b) { return a.all_ == b.all_; }

 private:
  std::vector<rows<T>> all_;
};

/// What `stream_fixture::collect` returns; filled while batches run. Copies share what was seen.
template <class T>
class collected {
 public:
  explicit collected(std::shared_ptr<const std::vector<rows<T>>> seen) : seen_(std::move(seen)) {}

  /// One entry for each batch so far in which the stream had a dataset.
  testing::batches<T> batches() const { return testing::batches<T>(*seen_); }
  /// `batches().sorted()`
  testing::batches<T> sorted() const { return batches().sorted(); }

 private:
  std::shared_ptr<const std::vector<rows<T>>> seen_;
};

/// A streaming context on a manual clock: batches run when the test says so, on the test's thread.
/// The time begins at 0, so batch n (from 1) has the time n · interval. With a checkpoint directory
/// it begins with the newest batch that is there.
///
///     mr::testing::stream_fixture s{{.batch = 1s}};
///     auto words = s.input<std::string>();
///     auto seen = s.collect(words.count());
///     s.feed(words, {{"a", "b"}, {}});
///     s.run();                                // seen.batches() == {{2}, {0}}
///
/// One thread.
class stream_fixture {
 public:
  explicit stream_fixture(streaming_context_options options = {})
      : stream_fixture(std::move(options), batch_time{}) {}
  ~stream_fixture();
  stream_fixture(const stream_fixture&) = delete;
  stream_fixture& operator=(const stream_fixture&) = delete;

  /// For sources, `transform`, `union_of` … and listeners. It is started by the first batch.
  const streaming_context& streaming() const { return streaming_; }
  const millrace::context& context() const { return streaming_.context(); }
  /// The time of the last batch that ran; at first 0.
  batch_time now() const;

  /// A stream that can be fed.
  template <class T>
  dstream<T> input() {
    auto queue = std::make_shared<detail::dataset_queue>();
    dstream<T> stream(
        detail::queue_stream(streaming_.core(), detail::row_type_of<T>(), queue, true, {}));
    inputs_.push_back({stream.node().get(), std::move(queue)});
    return stream;
  }

  /// Batches for an input, after those that it was fed before: each becomes a dataset of
  /// `default_parallelism()` partitions. usage_error: the stream is no input of this fixture.
  template <class T>
  void feed(const dstream<T>& input,
            const std::type_identity_t<std::vector<std::vector<T>>>& batches) {
    detail::dataset_queue& queue = queue_of(input.node());
    for (const auto& batch : batches) {
      // As a deque: std::vector<bool> has no rows.
      queue.push(context().parallelize(std::deque<T>(batch.begin(), batch.end())).node());
    }
  }

  /// Registers an output that keeps what the stream gives. Before the first batch.
  template <class T>
  collected<T> collect(const dstream<T>& stream) {
    auto seen = std::make_shared<std::vector<rows<T>>>();
    stream.for_each_rdd([seen](const rdd<T>& batch) {
      seen->push_back(rows<T>(detail::collect_rows(batch.node())));
    });
    return collected<T>(seen);
  }

  /// Runs a batch for each that was fed and has not run; an input that has no more gives empty
  /// ones. Throws stream_error when one fails: the stream has stopped then.
  void run();
  /// Runs `batches` more, whatever was fed.
  void advance(int batches = 1);

 private:
  friend class program_fixture;
  stream_fixture(streaming_context_options options, batch_time now);

  struct fed_input {
    const detail::stream_node* stream;
    std::shared_ptr<detail::dataset_queue> queue;
  };
  detail::dataset_queue& queue_of(const detail::stream_ptr& stream);

  std::unique_ptr<detail::manual_clock> clock_;
  streaming_context streaming_;
  std::vector<fed_input> inputs_;
};

/// What a program reads and that outlives it, as a broker's topic does: a source for
/// `streaming_context::stream`. Each batch reads the next one that was fed, or nothing; a program
/// that is started again reads again what its checkpoints do not have. Copies are the same input.
///
/// Any number of threads.
template <class T>
class durable_input {
  static_assert(!detail::holds_views_v<T>,
                "millrace: an input owns its rows. For text say std::string.");

 public:
  using record_type = T;
  struct range {
    std::int64_t from = 0, to = 0;  // of the batches that were fed
  };

  /// So many partitions a batch; usage_error: less than 1.
  explicit durable_input(int partitions = 2) : partitions_(partitions) {
    if (partitions < 1)
      throw usage_error("durable_input: the number of partitions must be positive: " +
                        std::to_string(partitions));
  }

  /// Batches after those that were fed before.
  void feed(const std::vector<std::vector<T>>& batches) const {
    const std::lock_guard lock(kept_->mutex);
    for (const std::vector<T>& batch : batches)
      kept_->batches.emplace_back(batch.begin(), batch.end());
  }
  /// The next `times` partitions that are read can't be: the task fails with this message.
  void fail_reads(int times = 1, std::string message = "this read fails for a test") const {
    const std::lock_guard lock(kept_->mutex);
    kept_->failing = times;
    kept_->message = std::move(message);
  }

  // ---- as a source

  range next(const batch_limits&) {
    const std::lock_guard lock(kept_->mutex);
    const std::int64_t from = next_;
    next_ = std::min<std::int64_t>(from + 1, std::ssize(kept_->batches));
    return {from, next_};
  }
  void resume(const range& last) { next_ = last.to; }
  int partitions(const range& r) const { return r.from == r.to ? 0 : partitions_; }
  std::int64_t records(const range& r) const { return r.from == r.to ? 0 : std::ssize(batch(r)); }
  void read(const range& r, int partition, emit<T>& out) const {
    {
      const std::lock_guard lock(kept_->mutex);
      if (kept_->failing > 0) {
        --kept_->failing;
        throw error(kept_->message);
      }
    }
    const std::deque<T>& rows = batch(r);
    const std::int64_t count = std::ssize(rows);
    for (std::int64_t i = count * partition / partitions_;
         i < count * (partition + 1) / partitions_; ++i)
      out(rows[static_cast<std::size_t>(i)]);
  }

 private:
  struct kept {
    std::mutex mutex;
    // As deques: std::vector<bool> has no rows, and what is read stays where it is.
    std::deque<std::deque<T>> batches;
    int failing = 0;
    std::string message;
  };
  const std::deque<T>& batch(const range& r) const {
    const std::lock_guard lock(kept_->mutex);
    return kept_->batches[static_cast<std::size_t>(r.from)];
  }

  std::shared_ptr<kept> kept_ = std::make_shared<kept>();
  int partitions_;
  std::int64_t next_ = 0;
};

/// What a program writes to and that outlives it, as a database does: a sink of two phases for
/// `dstream::write`, which may be told to fail. Copies are the same output.
///
/// Any number of threads.
template <class T>
class durable_output {
 public:
  enum class step {
    prepare,  ///< in the task that writes a partition
    commit,   ///< before the batch is visible
    answer,   ///< the batch is visible, and the program does not hear of it
  };

  /// What was committed, in order of the batches' times; a batch's rows in order of partitions.
  testing::batches<T> batches() const {
    const std::lock_guard lock(kept_->mutex);
    std::vector<rows<T>> all;
    for (const auto& [time, rows] : kept_->batches) all.push_back(rows);
    return testing::batches<T>(std::move(all));
  }
  /// `batches().sorted()`
  testing::batches<T> sorted() const { return batches().sorted(); }
  /// Their times.
  std::vector<batch_time> times() const {
    const std::lock_guard lock(kept_->mutex);
    std::vector<batch_time> all;
    for (const auto& [time, rows] : kept_->batches) all.push_back(time);
    return all;
  }
  /// The next `times` calls of a step throw.
  void fail(step at, int times = 1, std::string message = "this write fails for a test") const {
    const std::lock_guard lock(kept_->mutex);
    kept_->failing[at] = times;
    kept_->message = std::move(message);
  }

  // ---- as a sink

  rows<T> prepare(const output_id&, partition_rows<T>& in) const {
    fail_at(step::prepare);
    return in.to_rows();
  }
  bool committed(batch_time batch) const {
    const std::lock_guard lock(kept_->mutex);
    return kept_->batches.contains(batch);
  }
  void commit(batch_time batch, const std::vector<rows<T>>& partitions) const {
    fail_at(step::commit);
    detail::row_buffer all(detail::row_type_of<T>());
    for (const rows<T>& one : partitions)
      for (const T& row : one) detail::add_row<T>(all, row);
    {
      const std::lock_guard lock(kept_->mutex);
      if (!kept_->batches.emplace(batch, rows<T>(std::move(all))).second)
        throw error("a batch was committed twice: " +
                    std::to_string(batch.time_since_epoch().count()) + " ms");
    }
    fail_at(step::answer);
  }

 private:
  struct kept {
    std::mutex mutex;
    std::map<batch_time, rows<T>> batches;
    std::map<step, int> failing;
    std::string message;
  };
  void fail_at(step at) const {
    const std::lock_guard lock(kept_->mutex);
    if (kept_->failing[at] == 0) return;
    --kept_->failing[at];
    throw error(kept_->message);
  }

  std::shared_ptr<kept> kept_ = std::make_shared<kept>();
};

/// A program that dies and is started again, on a manual clock as `stream_fixture` is. Its
/// checkpoint directory is its own, temporary, where the options name none.
///
///     mr::testing::durable_input<std::string> words;
///     mr::testing::durable_output<std::pair<std::string, long>> totals;
///     mr::testing::program_fixture p{{.batch = 1s}, [&](mr::streaming_context& ssc) {
///       ssc.stream(words).map(…).update_state_by_key<long>(…).write(totals);
///     }};
///     words.feed({{"a"}, {"a"}});
///     p.advance();
///     p.crash();
///     p.advance();                            // totals.batches() == {{{"a", 1}}, {{"a", 2}}}
///
/// One thread.
class program_fixture {
 public:
  /// `build` makes the graph, each time that the program is started, as in
  /// `streaming_context::get_or_create`.
  program_fixture(streaming_context_options options, std::function<void(streaming_context&)> build);
  ~program_fixture();
  program_fixture(const program_fixture&) = delete;
  program_fixture& operator=(const program_fixture&) = delete;

  /// Starts the program where it does not run, which runs what the last one left undone; then runs
  /// `batches` more. Throws what starting throws, and the stream_error of a batch that fails: the
  /// program is dead then.
  void advance(int batches = 1);
  /// The program is gone between two batches, as with kill -9: nothing more is written.
  void crash();
  /// It ends in order.
  void stop();
  bool running() const { return life_ != nullptr; }
  /// REQUIRES: running().
  const streaming_context& streaming() const { return life_->streaming(); }

 private:
  streaming_context_options options_;
  std::function<void(streaming_context&)> build_;
  bool temporary_;    // the checkpoint directory
  batch_time now_{};  // no program's clock shows less than that of the one before
  std::unique_ptr<stream_fixture> life_;
};

}  // namespace millrace::testing
