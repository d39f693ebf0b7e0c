// What arrives between batches: receivers hand over blocks, the batch clock gives them to batches.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include "millrace/bad_record.hpp"
#include "millrace/detail/base/clock.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/streaming/stream_node.hpp"

namespace millrace::detail {

/// Records that arrived together: they become one partition of their batch. Text or rows.
struct received_block {
  text_block text{};
  row_buffer_ptr rows{};
  std::int64_t records = -1;  // -1: nobody counted
  std::size_t bytes = 0;      // what it counts against streaming.receiver.maxBytes
};

/// Where a receiver puts what it received. Any thread.
class receiver_sink {
 public:
  virtual void store(received_block block) = 0;
  /// Whether what is stored goes to a log. Then lines are stored as soon as they are whole, and
  /// what comes between two calls of `receiver_port::cut` makes a block all the same.
  [[nodiscard]] virtual bool logs() const = 0;
  /// Returns when all that was stored would survive a power cut, where there is a log; false: it
  /// never will, for the stream ends. Waits while the disk is full: not under a lock that `cut`
  /// takes.
  [[nodiscard]] virtual bool await_durable() = 0;
  /// True: with the bytes of whole records that the receiver has not stored yet, as many wait or
  /// are in work as it may have. It must read no further until `receiver_port::resume` is called,
  /// which is promised.
  [[nodiscard]] virtual bool pause(std::size_t not_stored) = 0;
  /// Whether someone wants to know how many records a block has.
  [[nodiscard]] virtual bool counting() const = 0;
  /// Whether a rate is to be kept: then `throttle` is to be told of all that arrives.
  [[nodiscard]] virtual bool limited() const = 0;
  /// So many records arrived. How long to wait before more are taken.
  [[nodiscard]] virtual std::chrono::nanoseconds throttle(std::int64_t records) = 0;

  /// It stopped receiving, or began again, by itself: an event where that is news.
  virtual void running(bool yes) noexcept = 0;

  /// Something is wrong that the receiver can live with (a peer that went away, a record left out):
  /// an event. The log is the receiver's own business.
  virtual void report(std::string text) noexcept = 0;
  /// Does with a bad record what `policy` says; throws where it is fatal (`fail` is for that).
  virtual void reject(on_bad_record policy, const bad_record& what) = 0;
  /// It can't go on: the stream fails with this error. Returns at once.
  virtual void fail(std::exception_ptr why) noexcept = 0;

 protected:
  ~receiver_sink() = default;
};

/// What a connector implements to receive. It occupies no thread of the engine.
class receiver_port {
 public:
  virtual ~receiver_port();
  /// Begins; must not block for long. `to` outlives the port's use of it.
  virtual void start(receiver_sink& to) = 0;
  /// After it returned nothing is stored but by `cut`. May be called twice. Not from a call to
  /// the sink.
  virtual void stop() noexcept = 0;
  /// Stores what is whole of what has arrived: the batch clock fires, for a batch or for a block.
  /// Any thread, no call at once with another.
  virtual void cut() = 0;
  /// There is room again, after `receiver_sink::pause` said there was none. Any thread.
  virtual void resume() noexcept = 0;
  /// "socket text localhost:9999"
  virtual std::string description() const = 0;
  /// Whether it will keep bad records; without a place for them the stream is refused at start.
  virtual on_bad_record bad_records() const { return on_bad_record::fail; }
};

/// A block is what arrived within streaming.blockInterval; the batch clock cuts it.
/// A stream of what the port receives; rows of text for text blocks.
stream_ptr receiver_stream(const stream_engine_ptr& engine, const row_type& rows,
                           std::unique_ptr<receiver_port> port);

class receiver_base;
/// The same for a receiver that the program wrote.
stream_ptr receiver_stream(const stream_engine_ptr& engine, const row_type& rows,
                           std::shared_ptr<receiver_base> receiver);

}  // namespace millrace::detail
