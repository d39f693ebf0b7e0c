// What the driver knows of topics: their partitions, how far they were read, how far they go.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "connectors/kafka/client.hpp"
#include "connectors/kafka/reporter.hpp"
#include "millrace/kafka.hpp"
#include "millrace/source.hpp"

namespace millrace::detail::kafka {

/// Names the offsets of each batch. It has a connection of its own: on one that waits for records,
/// a question would wait with it. One thread; `committed` by any.
class topic_offsets {
 public:
  topic_offsets(millrace::kafka::topics options, reporter to);

  /// Finds the partitions and where they begin, unless brokers don't answer at once.
  void start();
  /// Goes on behind this range, instead of where the options say.
  void resume(const std::vector<millrace::kafka::offset_range>& last);
  /// All partitions, also those that have nothing new. None and nothing while brokers can't be
  /// reached. Throws error for lost records and missing topics, as the options say.
  std::vector<millrace::kafka::offset_range> next(const batch_limits& limits);
  /// A batch has read these and is done: its offsets go to the group.
  void committed(const std::vector<millrace::kafka::offset_range>& range);

 private:
  using clock = std::chrono::steady_clock;
  using topic_partition = millrace::kafka::topic_partition;
  struct followed {
    std::int64_t next = 0;
    /// Since when it seems to have lost records. Brokers that begin anew may say so for a moment.
    std::optional<clock::time_point> suspect{};
  };
  using offset_map = std::map<topic_partition, std::int64_t>;

  void discover();
  void look_again_soon();
  std::optional<std::set<topic_partition>> present();
  std::int64_t time_of_start() const;
  /// The offsets of these times, or of RD_KAFKA_OFFSET_BEGINNING and _END; no answer: nothing.
  std::optional<offset_map> ask(const offset_map& times);
  std::optional<offset_map> ask_all(std::int64_t time);
  void check_beginnings();
  /// Whether it is so for long enough to be believed.
  bool confirmed(followed& one);
  void lost(const topic_partition& where, std::int64_t from, std::int64_t until,
            const std::string& why);
  void unreachable(const std::string& what, rd_kafka_resp_err_t code);
  void reached();
  std::string description() const;

  millrace::kafka::topics options_;
  reporter reporter_;
  client client_;
  std::chrono::milliseconds answer_within_{1000};
  bool begun_ = false;          // the partitions of the beginning are known
  bool missing_topic_ = false;  // one that was named, when it was looked last
  bool outage_ = false;         // and was reported
  clock::time_point discovered_{};
  clock::time_point checked_{};
  std::map<topic_partition, followed> followed_;
};

}  // namespace millrace::detail::kafka
