// Offsets of what is done, for those who watch a group's lag.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include "connectors/kafka/topic_questions.hpp"
#include "millrace/kafka.hpp"

namespace millrace::detail::kafka {

/// Commits to a group, one request at a time: what is done meanwhile goes with the next. Nothing
/// depends on it. Any thread.
class group_offsets {
 public:
  /// `by`: of a client with that group.id; must outlive this. An empty group: commits nothing.
  group_offsets(rd_kafka_t* by, std::string group, std::string about);
  /// Gives the last request a second.
  ~group_offsets();
  group_offsets(const group_offsets&) = delete;
  group_offsets& operator=(const group_offsets&) = delete;

  void done(const std::vector<millrace::kafka::offset_range>& ranges);
  /// Takes answers, and sends what waits. To be called now and then.
  void serve();
  /// How long the last answer took; 0: there was none.
  std::chrono::microseconds took() const;

 private:
  using clock = std::chrono::steady_clock;
  void serve(std::chrono::milliseconds wait);  // REQUIRES: mutex_

  rd_kafka_t* by_;
  std::string group_;
  std::string about_;
  mutable std::mutex mutex_;  // guards what follows
  owned<rd_kafka_queue_t> answers_;
  offset_map waiting_;
  offset_map highest_;  // of this run
  bool under_way_ = false;
  clock::time_point sent_{};
  std::chrono::microseconds took_{0};
};

}  // namespace millrace::detail::kafka
