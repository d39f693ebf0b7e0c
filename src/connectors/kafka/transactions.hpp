// The batches of one output operation, a transaction each.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connectors/kafka/marker.hpp"
#include "connectors/kafka/producer.hpp"
#include "millrace/kafka.hpp"

namespace millrace::detail::kafka {

/// A transaction is open only while `commit` runs, and what it sends stays in memory until then. So
/// whatever goes wrong on the way is begun anew: aborted, or, where the producer can't be used any
/// more, by a new one, which first learns from the marker whether the batch got through after all.
/// One thread at a time.
class transactions {
 public:
  transactions(millrace::kafka::topic to, std::string name);

  /// Whether the batch, or a later one, is in the topic.
  bool committed(std::int64_t batch);
  /// Returns when it is. Throws error where brokers are away for longer than `patience`, refuse a
  /// message, or where another program of the same name has gone on with the work.
  void commit(std::int64_t batch, const std::vector<staged_messages_ptr>& all);

 private:
  using clock = std::chrono::steady_clock;
  /// Not `done`: to be tried again, with the same producer if there still is one.
  enum class outcome { done, again, new_producer };

  /// Ends the transactions of whoever had the name before, and finds out how far it came.
  void open(clock::time_point deadline);
  outcome attempt(const marker& m, const std::vector<staged_messages_ptr>& all,
                  clock::time_point deadline);
  outcome run(const marker& m, const std::vector<staged_messages_ptr>& all,
              clock::time_point deadline, deliveries& count);
  outcome after(owned<rd_kafka_error_t> failure, const char* doing, clock::time_point deadline);
  void refuse(rd_kafka_resp_err_t code) const;
  void outage(const std::string& what);
  std::string description() const;

  millrace::kafka::topic to_;
  std::string name_;
  std::string writer_;  // tells this one's markers from another program's
  std::unique_ptr<producer> producer_;
  bool opened_ = false;  // before
  marker last_;
  bool outage_ = false;  // was told
};

}  // namespace millrace::detail::kafka
