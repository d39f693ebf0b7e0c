#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace::detail {

class settings;

/// Something started, ended or failed. Everything that is shown is folded from these. A number of
/// -1 and an empty text are fields that are not set.
struct event {
  enum class kind : std::uint8_t {
    job_started,
    job_ended,
    job_failed,
    stage_started,
    stage_ended,
    stage_failed,
    task_started,
    task_ended,
    task_failed,
    task_spilled,   ///< an operator (text) wrote records to disk: it had its share of memory
    block_to_disk,  ///< a kept partition left memory for the disk
    block_dropped,  ///< a kept partition left memory, or had no room: it is computed again
    task_slow,
    executor_joined,
    executor_lost,
    streaming_started,
    streaming_behind,
    streaming_stopped,
    streaming_failed,
    batch_submitted,
    batch_started,
    batch_completed,
    batch_failed,
    output_operation_started,
    output_operation_completed,
    output_operation_failed,
    receiver_started,
    receiver_error,
    receiver_stopped,
    /// A source or a function could not take a record (text); what becomes of it (description), how
    /// many of that source there have been (records).
    bad_record,
    /// What a source (stream) or a sink (text: which one) measured of itself: numbers by name.
    measured,
  };

  kind what = kind::job_started;
  /// Wall clock. Left at zero, `publish` fills it in.
  std::chrono::sys_time<std::chrono::microseconds> time{};
  std::int64_t job = -1;
  std::int64_t stage = -1;
  std::int64_t partition = -1;
  std::int64_t attempt = -1;
  std::int64_t slot = -1;   ///< the executor's place
  std::int64_t epoch = -1;  ///< which executor of those that had this place
  std::int64_t stream = -1;
  std::int64_t batch_time = -1;  ///< milliseconds since 1970
  std::int64_t output = -1;
  std::int64_t records = -1;
  std::int64_t bytes = -1;
  std::chrono::microseconds scheduling_delay{-1};
  std::chrono::microseconds processing_delay{-1};
  std::chrono::microseconds duration{-1};
  std::string group{};  ///< a job's, and what the program says it does
  std::string description{};
  std::string text{};  ///< a name, or the message of what failed
  std::vector<std::pair<std::string, std::int64_t>> numbers{};
};

/// "job_started", …: the same in the log and in JSON.
[[nodiscard]] const char* name_of(event::kind what);

/// One JSON object without a line end, of the fields that are set:
/// {"event":"batch_completed","time_us":…,"batch_time":ms,"records":n,"scheduling_delay_us":n,…}.
/// Valid JSON whatever the text holds: what is not UTF-8 becomes \ufffd.
[[nodiscard]] std::string to_json_line(const event& happened);

/// Hands events to subscribers, in the order of publishing, on one thread of its own, so that a
/// slow subscriber is off the publisher's way. Nothing is dropped: when 65,536 events wait, the
/// publisher does too. Any thread may call any member, subscribers included (there `publish` never
/// waits). All subscriptions end before the bus is destroyed; it delivers what is left first.
class event_bus {
 public:
  /// Ends the subscription when destroyed.
  class subscription {
   public:
    subscription() = default;
    subscription(subscription&&) noexcept = default;
    subscription& operator=(subscription&& other) noexcept;
    ~subscription() { end(); }

    /// After this no call is running or will come; events that still wait are not delivered
    /// (`event_bus::flush` first, if they should be). It waits for a running call, unless called
    /// from that very call.
    void end() noexcept;
    /// The text of the first exception that left the subscriber; empty: none. That one was
    /// reported through the log; the subscriber goes on receiving.
    [[nodiscard]] std::string failure() const;

   private:
    friend class event_bus;
    struct state;
    explicit subscription(std::shared_ptr<state> own) : state_{std::move(own)} {}
    std::shared_ptr<state> state_;
  };

  event_bus();
  ~event_bus();
  event_bus(const event_bus&) = delete;
  event_bus& operator=(const event_bus&) = delete;

  /// Whether anyone listens: one relaxed load, so ask before building an event.
  [[nodiscard]] bool wanted() const { return listeners_->load(std::memory_order_relaxed) != 0; }

  void publish(event happened) {
    if (wanted()) enqueue(std::move(happened));
  }

  /// `f(const event&)` is called for every event published from now on, one at a time, never by
  /// two threads at once.
  template <class F>
  [[nodiscard]] subscription subscribe(F f) {
    using function = std::decay_t<F>;
    return add(std::make_shared<function>(std::move(f)), [](void* self, const event& happened) {
      (*static_cast<function*>(self))(happened);
    });
  }

  /// Returns when all that was published before the call has been delivered. From a subscriber it
  /// returns at once.
  void flush();

 private:
  struct shared;
  using deliver_function = void (*)(void* self, const event& happened);

  void enqueue(event happened);
  [[nodiscard]] subscription add(std::shared_ptr<void> self, deliver_function deliver);

  std::shared_ptr<shared> shared_;
  const std::atomic<int>* listeners_;  // in *shared_
};

/// Appends every event of a bus to a file, a JSON line each.
class event_log {
 public:
  /// Where the log should go: the setting `event.log`, else MILLRACE_EVENT_LOG of the environment,
  /// else empty: nowhere.
  [[nodiscard]] static std::string path_of(const settings& settings);

  /// Opens (creates, or appends to) `path` and subscribes. Throws `error` if it can't be opened.
  event_log(event_bus& bus, const std::string& path);
  /// Closes; what `close` would throw goes to the log.
  ~event_log();
  event_log(const event_log&) = delete;
  event_log& operator=(const event_log&) = delete;

  /// Writes what was published so far and closes. Throws `error` where any line could not be
  /// written (which the log has said once, when it happened) or the file not closed. Nothing is
  /// written after the first line that failed: a log never has a hole in its middle. A second
  /// call does nothing.
  void close();

 private:
  struct file;
  event_bus& bus_;
  std::shared_ptr<file> file_;
  event_bus::subscription subscription_;
};

}  // namespace millrace::detail
