// Streams without a clock: batches in, batches out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/millrace.hpp"

namespace millrace::testing {

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
  const rows<T>& operator[](std::size_t i) const { return all_[i]; }

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
  /// The same with the rows of each batch in order (by `<`, field by field).
  testing::batches<T> sorted() const {
    const detail::row_type& type = detail::row_type_of<T>();
    std::vector<rows<T>> all;
    for (const rows<T>& batch : *seen_) {
      std::vector<const T*> order;
      for (const T& row : batch) order.push_back(&row);
      std::stable_sort(order.begin(), order.end(),
                       [&](const T* a, const T* b) { return detail::less_rows(type, a, b); });
      detail::row_buffer buffer(type);
      for (const T* row : order) buffer.append({const_cast<T*>(row), 1, false});
      all.emplace_back(std::move(buffer));
    }
    return testing::batches<T>(std::move(all));
  }

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
  explicit stream_fixture(streaming_context_options options = {});
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
  struct fed_input {
    const detail::stream_node* stream;
    std::shared_ptr<detail::dataset_queue> queue;
  };
  detail::dataset_queue& queue_of(const detail::stream_ptr& stream);

  std::unique_ptr<detail::manual_clock> clock_;
  streaming_context streaming_;
  std::vector<fed_input> inputs_;
};

}  // namespace millrace::testing
