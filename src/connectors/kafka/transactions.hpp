// The batches of one output operation, a transaction each.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/kafka/marker.hpp"
#include "connectors/kafka/producer.hpp"
#include "connectors/kafka/waiting_messages.hpp"
#include "millrace/kafka.hpp"

namespace millrace::detail::kafka {

/// A transaction is open only while `commit` runs, and what it sends stays where it waits until
/// then. So whatever goes wrong on the way is begun anew: aborted, or, where the producer can't be
/// used any more, by a new one, which first learns from the marker whether the batch got through
/// after all. One thread at a time, that runs an output of a stream.
class transactions {
 public:
  transactions(millrace::kafka::topic to, std::string name);

  /// Whether the batch, or a later one, is in the topic.
  bool committed(std::int64_t batch);
  /// Returns when it is. Throws error where brokers are away for longer than `patience`, refuse a
  /// message, where another program of the same name has gone on with the work, and soon after the
  /// stream was told to end.
  void commit(std::int64_t batch, const std::vector<prepared>& all);
  /// Transactions that were begun for the batch of the last `commit`.
  int attempts() const { return attempts_; }

 private:
  using clock = std::chrono::steady_clock;
  /// Not `done`: to be tried again, with the same producer if there still is one.
  enum class outcome { done, again, new_producer };

  /// Ends the transactions of whoever had the name before, and finds out how far it came.
  void open(clock::time_point deadline);
  outcome attempt(const marker& m, const std::vector<prepared>& all, clock::time_point deadline);
  outcome run(const marker& m, const std::vector<prepared>& all, clock::time_point deadline,
              const std::shared_ptr<deliveries>& count);
  outcome after(owned<rd_kafka_error_t> failure, const char* doing, clock::time_point deadline);
  /// Whether to go on waiting for brokers. Throws error once nobody waits for the batch.
  bool wait_on(clock::time_point deadline) const;
  /// Calls what goes on where it was until it has ended. Null: well.
  template <class Call>
  owned<rd_kafka_error_t> finish(clock::time_point deadline, const Call& call);
  void refuse(rd_kafka_resp_err_t code) const;
  void outage(const std::string& what);
  void slow(const std::string& what);
  std::string description() const;

  millrace::kafka::topic to_;
  std::string name_;
  std::string writer_;  // tells this one's markers from another program's
  std::unique_ptr<producer> producer_;
  bool opened_ = false;  // before
  marker last_;
  int attempts_ = 0;
  bool outage_ = false;  // was told
  std::optional<clock::time_point> waiting_since_{};
  int answer_within_ms_;  // of calls that can't go on where they were; longer where brokers are
                          // slow
};

}  // namespace millrace::detail::kafka
