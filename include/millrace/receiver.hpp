// A source that you write: rows come when they come.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "millrace/bad_record.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace {

namespace detail {

class receiver_supervisor;

/// What all receivers have, whatever their rows.
class receiver_base {
 public:
  virtual ~receiver_base();

  /// Begins to receive: starts threads, opens connections, and returns. Called when the stream
  /// starts and after each `restart`, on a thread of the receiver's own. What it throws is reported
  /// and it is called again after streaming.receiverRestartDelay, for ever. One that does not
  /// return but stores rows itself must look at `is_stopped`.
  virtual void on_start() = 0;
  /// Ends what `on_start` began, and waits for it. Called once for each `on_start`, after
  /// `is_stopped` became true, on the same thread.
  virtual void on_stop() = 0;

  // ---- any thread, once `on_start` was called; before that a usage_error

  /// Something is wrong that it can live with: the listeners' `receiver_error`, and the log.
  void report_error(std::string text) const;
  void report_error(std::string text, const std::exception& why) const;
  /// Does with a record that it can't take what `policy` says, as `millrace::reject`. An empty
  /// source stands for the receiver. False: that is fatal, and the stream fails.
  bool reject(on_bad_record policy, const bad_record& what) const;
  /// Reports the text; then `on_stop`, the delay, `on_start`. Returns at once. By default the delay
  /// is streaming.receiverRestartDelay. What was stored stays.
  void restart(std::string text) const;
  void restart(std::string text, std::chrono::milliseconds delay) const;
  /// Reports the text; then `on_stop`, for good. The stream goes on without this source. Returns at
  /// once.
  void stop(std::string text) const;

  /// From `on_start` until a restart or a stop was asked for, by whomever; false while it waits to
  /// begin again.
  bool is_started() const;
  bool is_stopped() const { return !is_started(); }
  /// Of all inputs of the context, in the order of creation, from 0.
  int stream_id() const;

  /// For listeners and the log; by default the name of the class.
  virtual std::string description() const;
  /// What it will ask of `reject`: a stream that is to keep bad records and has no place for them
  /// is refused at start.
  virtual on_bad_record bad_records() const { return on_bad_record::fail; }

 protected:
  explicit receiver_base(const row_type& rows) : rows_(&rows) {}
  // What runs it is not copied with it, so nothing is assigned.
  receiver_base(const receiver_base& other) : rows_(other.rows_) {}
  // NOLINTNEXTLINE(bugprone-unhandled-self-assignment)
  receiver_base& operator=(const receiver_base&) { return *this; }

  bool store_row(void* row, bool movable) const;
  bool store_block(row_buffer rows) const;
  /// For connectors: what arrived can't be right, and the stream fails.
  void fail(std::exception_ptr why) const;

 private:
  friend class receiver_supervisor;
  receiver_supervisor& supervisor(const char* what) const;

  const row_type* rows_;
  std::shared_ptr<receiver_supervisor> supervisor_;
};

}  // namespace detail

/// Derive from it, write `on_start` and `on_stop`, and give it to `ssc.receiver_stream`:
///
///     struct ticks : mr::receiver<int> {
///       void on_start() override {
///         thread_ = std::jthread([this](std::stop_token end) {
///           for (int i = 0; !end.stop_requested() && store(i); ++i) wait_a_little();
///         });
///       }
///       void on_stop() override { thread_ = {}; }
///       std::jthread thread_;
///     };
///
/// Rows that are stored one by one make a block each streaming.blockInterval, and a block is a
/// partition of its batch. While streaming.receiver.maxBytes of its rows wait or are in work,
/// `store` blocks; so it does to keep the rate, where one is set. Rows live in memory only, at most
/// once, unless there is a write-ahead log (`store_all`). A receiver occupies no thread that runs
/// tasks.
template <class T>
class receiver : public detail::receiver_base {
 public:
  using record_type = T;

  receiver() : receiver_base(detail::row_type_of<T>()) {}

  /// Any thread, several at once. The row, and what it views, is copied. Waits while there is no
  /// room. False: the receiver is stopped, and the row was not taken.
  bool store(const T& row) const { return store_row(const_cast<T*>(&row), false); }
  bool store(T&& row) const { return store_row(&row, true); }

  /// Any range of rows: a block of their own, whatever the rate. Returns once they are stored: with
  /// streaming.receiver.writeAheadLog.enable, once they are on the disk, so that a batch will have
  /// them even if the power fails. That is when to acknowledge them to whoever sent them. False:
  /// the stream ends, and nothing is promised. The rest as `store`.
  template <class Range>
    requires requires(const Range& all) { std::begin(all), std::end(all); }
  bool store_all(const Range& all) const {
    detail::row_buffer rows(detail::row_type_of<T>());
    for (const auto& row : all) {
      ::new (rows.place()) T(row);
      rows.added();
      detail::own_row(rows.type(), rows.row(rows.size() - 1), rows.texts());
    }
    return store_block(std::move(rows));
  }
  bool store_all(std::initializer_list<T> all) const {
    return store_all<std::initializer_list<T>>(all);
  }
};

namespace detail {

template <class R>
auto share_receiver(R&& one) {
  using object = std::remove_cvref_t<R>;
  if constexpr (std::is_base_of_v<receiver_base, object>) {
    if constexpr (std::is_constructible_v<object, R>) {
      return std::make_shared<object>(std::forward<R>(one));
    } else {
      static_assert(std::is_lvalue_reference_v<R>,
                    "millrace: this receiver can be neither copied nor moved: give an object that "
                    "lives as long as the stream, or std::make_unique<…>(…).");
      return std::shared_ptr<object>(std::shared_ptr<void>(), &one);
    }
  } else {
    static_assert(
        requires { typename object::element_type::record_type; },
        "millrace: receiver_stream takes an object of a class that derives from "
        "mr::receiver<T>, or a std::unique_ptr or std::shared_ptr to one.");
    return std::shared_ptr<typename object::element_type>(std::forward<R>(one));
  }
}

}  // namespace detail
}  // namespace millrace
