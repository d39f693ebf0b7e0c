// What brokers are asked about topics.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "connectors/kafka/client.hpp"
#include "connectors/kafka/reporter.hpp"
#include "millrace/kafka.hpp"

namespace millrace::detail::kafka {

using offset_map = std::map<millrace::kafka::topic_partition, std::int64_t>;

std::string name_of(const millrace::kafka::topic_partition& p);

/// Over a connection of its own: on one that waits for records, a question would wait with it. One
/// thread; `outage` and `get` by any.
class topic_questions {
 public:
  topic_questions(const millrace::kafka::topics& options, reporter to);

  struct presence {
    std::set<millrace::kafka::topic_partition> there{};
    bool missing = false;  // something that was named
  };
  /// The partitions that the options mean. Nothing: nobody answers. Throws usage_error where what
  /// is named is missing and must not be, error for what brokers refuse.
  std::optional<presence> present(bool begun);

  struct answer {
    offset_map offsets{};
    bool whole = true;  // else some partitions have no leader now
  };
  /// The offsets of these times, or of RD_KAFKA_OFFSET_BEGINNING and _END. Nothing: nobody answers,
  /// or all of it is gone. Throws error for what brokers refuse.
  std::optional<answer> offsets(const offset_map& times, bool begun);

  /// How long an answer may take before nobody answers; longer while brokers are slow.
  void give(std::chrono::milliseconds least) { least_wait_ = least; }
  /// Nobody answers, and that was reported.
  bool outage() const { return outage_; }
  rd_kafka_t* get() const { return client_.get(); }
  std::string description() const;

 private:
  rd_kafka_resp_err_t ask_for(const std::string* name,
                              std::set<millrace::kafka::topic_partition>& all);
  int within() const { return static_cast<int>(std::max(least_wait_, slow_wait_).count()); }
  void unreachable(const std::string& what, rd_kafka_resp_err_t code, bool begun);
  void reached();

  const millrace::kafka::topics& options_;
  reporter reporter_;
  client client_;
  std::chrono::milliseconds least_wait_{1000};
  std::chrono::milliseconds slow_wait_{0};
  std::atomic<bool> outage_{false};
};

}  // namespace millrace::detail::kafka
