// What the driver knows of topics: their partitions, how far they were read, how far they go.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "connectors/kafka/group_offsets.hpp"
#include "connectors/kafka/topic_questions.hpp"
#include "millrace/kafka.hpp"
#include "millrace/source.hpp"

namespace millrace::detail::kafka {

/// Names the offsets of each batch. Brokers are asked by a thread of its own, so that a batch waits
/// for them for its interval at most, and is empty then; the answer serves the next one. Any
/// thread; `resume` before `start`, `next` by one.
class topic_offsets {
 public:
  topic_offsets(millrace::kafka::topics options, reporter to);
  ~topic_offsets();
  topic_offsets(const topic_offsets&) = delete;
  topic_offsets& operator=(const topic_offsets&) = delete;

  /// Finds the partitions and where they begin, unless brokers don't answer at once.
  void start();
  /// Goes on behind this range, instead of where the options say.
  void resume(const std::vector<millrace::kafka::offset_range>& last);
  /// All partitions, also those that have nothing new. None and nothing while brokers can't be
  /// reached. Throws error for lost records and missing topics, as the options say.
  std::vector<millrace::kafka::offset_range> next(const batch_limits& limits);
  /// A batch has read these and is done: its offsets go to the group.
  void committed(const std::vector<millrace::kafka::offset_range>& range);
  /// No further batch is named: whoever waits for an answer gets none.
  void stop();

  /// Of the last batch that was named.
  struct progress {
    std::int64_t records = 0;
    std::int64_t left = 0;       // that were there, and are for later batches
    std::int64_t most_left = 0;  // in one partition
    std::int64_t partitions = 0;
    std::chrono::microseconds answer{0};  // how long brokers took to say where partitions end
    std::chrono::microseconds commit{0};  // and to take the offsets of the group
  };
  progress last() const;
  /// "kafka host:9092 clicks"
  std::string description() const;

 private:
  using clock = std::chrono::steady_clock;
  using topic_partition = millrace::kafka::topic_partition;
  using held = std::unique_lock<std::mutex>;
  struct followed {
    std::int64_t next = 0;
    std::int64_t end = 0;
    /// Since when it seems to have lost records. Brokers that begin anew may say so for a moment.
    std::optional<clock::time_point> suspect{};
  };

  void work();
  void answer(held& lock);
  void wait_for_answer(held& lock, std::chrono::milliseconds most);
  void discover(held& lock);
  void look_again_soon();
  std::int64_t time_of_start() const;
  std::optional<offset_map> ask(held& lock, const offset_map& times);
  std::optional<offset_map> ask_all(held& lock, std::int64_t time);
  void check_beginnings(held& lock);
  void find_ends(held& lock);
  /// Whether it is so for long enough to be believed.
  bool confirmed(followed& one);
  void lost(const topic_partition& where, std::int64_t from, std::int64_t until,
            const std::string& why);

  const millrace::kafka::topics options_;
  reporter reporter_;
  topic_questions questions_;  // the thread's
  group_offsets group_;

  mutable std::mutex mutex_;  // guards what follows, but the thread
  std::condition_variable changed_;
  std::uint64_t wanted_ = 0;    // answers
  std::uint64_t answered_ = 0;  // of those
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::chrono::milliseconds interval_{1000};
  bool begun_ = false;  // the partitions of the beginning are known
  clock::time_point discovered_{};
  clock::time_point checked_{};
  std::map<topic_partition, followed> followed_;
  std::vector<std::string> to_report_;
  progress last_;
  std::thread thread_;
};

}  // namespace millrace::detail::kafka
