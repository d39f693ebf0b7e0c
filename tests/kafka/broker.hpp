// A Kafka broker of a test's own, and the other side of its topics.
#pragma once

#include <librdkafka/rdkafka.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::testing {

/// tools/kafka/broker in a directory of its own, on free ports. Ended hard with the object, and
/// with the process.
class kafka_broker {
 public:
  /// Lines of server.properties besides those of tools/kafka/broker. Waits until it answers.
  explicit kafka_broker(std::vector<std::string> properties = {});
  ~kafka_broker();
  kafka_broker(const kafka_broker&) = delete;
  kafka_broker& operator=(const kafka_broker&) = delete;

  /// "127.0.0.1:port"
  const std::string& address() const { return address_; }
  std::uint16_t port() const { return port_; }
  /// SIGKILL, and waits for its end.
  void kill();
  /// On the same port, with what it had written; waits until it answers.
  void start();
  /// Stopped and going again as a process: a broker that is slow.
  void freeze();
  void thaw();

 private:
  std::string directory_;
  std::uint16_t port_;
  std::uint16_t controller_port_;
  std::string address_;
  std::vector<std::string> properties_;
  pid_t process_ = -1;
};

struct kafka_message {
  std::optional<std::string> key{};
  std::optional<std::string> value{};
  std::vector<std::pair<std::string, std::optional<std::string>>> headers{};
  std::int64_t timestamp = 0;
  int partition = 0;
  std::int64_t offset = -1;
};

/// Makes, fills and reads topics, by librdkafka alone.
class kafka_side {
 public:
  using options = std::vector<std::pair<std::string, std::string>>;

  explicit kafka_side(std::string broker) : broker_(std::move(broker)) {}

  void create(const std::string& topic, int partitions, const options& config = {}) const;
  void remove(const std::string& topic) const;
  void add_partitions(const std::string& topic, int total) const;
  /// Drops the records before these offsets (of partition 0).
  void delete_records(const std::string& topic, std::int64_t before) const;

  void send(const std::string& topic, const std::vector<kafka_message>& messages,
            const options& config = {}) const;
  /// Values, round robin over `partitions`.
  void send_values(const std::string& topic, const std::vector<std::string>& values,
                   int partitions = 1) const;
  /// In one transaction, that is committed or aborted, and has ended in the topic too.
  void send_in_transaction(const std::string& topic, const std::vector<kafka_message>& messages,
                           bool commit) const;

  /// All that is in the topic now, partition by partition.
  std::vector<kafka_message> read(const std::string& topic, bool committed = true) const;
  std::vector<std::string> values(const std::string& topic, bool committed = true) const;
  /// -1: none.
  std::int64_t group_offset(const std::string& group, const std::string& topic,
                            int partition) const;
  std::int64_t end_offset(const std::string& topic, int partition) const;

 private:
  std::vector<kafka_message> read_once(const std::string& topic, bool committed) const;

  std::string broker_;
};

/// Waits until it is so. False: not within three minutes.
bool eventually(const std::function<bool()>& so);

}  // namespace millrace::testing
