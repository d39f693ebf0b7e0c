// What the Kafka benchmarks send and read with: bare clients of librdkafka.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace bench {

constexpr int kafka_partitions = 2;
constexpr int words_a_line = 10;

/// Lines of ten words, about 65 bytes; common words are common.
class kafka_lines {
 public:
  std::string next();

 private:
  std::minstd_rand random_{1};
};

struct kafka_end {
  void operator()(rd_kafka_t* one) const;
};
using kafka_client = std::unique_ptr<rd_kafka_t, kafka_end>;

kafka_client make_kafka_client(rd_kafka_type_t type, const std::string& broker,
                               const std::vector<std::pair<const char*, const char*>>& options);

/// Reads what is committed of a topic.
class kafka_reader {
 public:
  kafka_reader(const std::string& broker, const std::string& topic,
               std::int64_t from = RD_KAFKA_OFFSET_BEGINNING);
  ~kafka_reader();
  kafka_reader(const kafka_reader&) = delete;
  kafka_reader& operator=(const kafka_reader&) = delete;

  /// Calls `seen` for what is there, or comes within `wait`; returns how many records that were.
  std::int64_t read(std::chrono::milliseconds wait,
                    const std::function<void(const rd_kafka_message_t&)>& seen);

 private:
  kafka_client client_;
  rd_kafka_queue_t* queue_;
  std::vector<rd_kafka_message_t*> messages_{10'000};
};

/// Delays in ms, of some lines.
struct kafka_delays {
  std::vector<double> late;   ///< from due until it was sent: the load's own part
  std::vector<double> delay;  ///< from due until a count of it was in the output topic
};

/// Sends 100,000 words a second to a topic, each line when it is due, whether anybody keeps up or
/// not, and waits in another topic for counts of words that occur once: keys are words there.
/// What was due within `warm` is not told of. Throws where a word does not come out.
kafka_delays kafka_open_loop(const std::string& broker, const std::string& from,
                             const std::string& to, std::chrono::seconds warm,
                             std::chrono::seconds measured);

}  // namespace bench
