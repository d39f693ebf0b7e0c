// Runs a receiver that the program wrote.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/detail/streaming/receiving.hpp"
#include "millrace/receiver.hpp"

namespace millrace::detail {

/// Starts and stops the receiver on a thread of its own, begins again when it asks, and makes
/// blocks of what it stores. Shared with the receiver, whose threads may outlive the stream.
class receiver_supervisor : public std::enable_shared_from_this<receiver_supervisor> {
 public:
  struct options {
    int stream_id;
    std::chrono::milliseconds restart_delay;
  };
  receiver_supervisor(std::shared_ptr<receiver_base> of, options o);

  // ---- for the port
  void start(receiver_sink& to);
  void close() noexcept;
  void cut();
  void resume() noexcept;
  const std::string& description() const { return description_; }

  // ---- for the receiver; any thread
  bool store_row(void* row, bool movable);
  bool store_block(row_buffer rows);
  void report(std::string text) noexcept;
  bool reject(on_bad_record policy, bad_record what);
  on_bad_record bad_records() const { return receiver_->bad_records(); }
  void restart(std::string text, std::optional<std::chrono::milliseconds> delay);
  void stop(std::string text);
  void fail(std::exception_ptr why) noexcept;
  bool is_started() const;
  int stream_id() const { return options_.stream_id; }

 private:
  using lock_type = std::unique_lock<std::mutex>;

  void run();
  void call(void (receiver_base::*what)(), const char* name, lock_type& lock);
  bool wait_for_room(lock_type& lock);
  void wait(lock_type& lock, std::chrono::nanoseconds at_least);
  std::size_t bytes_of(const row_buffer& rows, std::size_t from);
  void cut_locked();
  void report_locked(std::string text) noexcept;

  std::shared_ptr<receiver_base> receiver_;
  const row_type& rows_;
  options options_;
  std::string description_;
  std::thread thread_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::condition_variable room_;
  receiver_sink* to_ = nullptr;
  bool started_ = false;
  bool closing_ = false;    // the stream ends
  bool ended_ = false;      // the thread does nothing any more
  bool abandoned_ = false;  // it did not end in time: what it still does concerns nobody
  bool stop_ = false;       // asked for by the receiver
  std::optional<std::chrono::milliseconds> restart_;
  bool paused_ = false;
  std::shared_ptr<row_buffer> building_;
  std::size_t building_bytes_ = 0;
  byte_writer measure_;
};

}  // namespace millrace::detail
