// A producer, and what became of its messages.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "connectors/kafka/client.hpp"
#include "millrace/kafka.hpp"

namespace millrace::detail::kafka {

/// Counts messages on their way. Must outlive them. Any thread.
class deliveries {
 public:
  void sent(std::size_t messages);
  void ended(rd_kafka_resp_err_t how, std::size_t messages = 1);
  /// Whether all have ended before the time is over.
  bool wait(std::chrono::milliseconds at_most);
  /// The first that was not delivered; no error: none.
  rd_kafka_resp_err_t failure() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t under_way_ = 0;
  rd_kafka_resp_err_t failure_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

/// Any thread.
class producer {
 public:
  /// Throws as `client`.
  producer(const millrace::kafka::topic& to, std::vector<setting> fixed);
  ~producer();
  producer(const producer&) = delete;
  producer& operator=(const producer&) = delete;

  /// Hands messages over, waiting while the queue is full. `copied`: else their memory must stay
  /// until they have ended. The error of the first that is refused; those after it are not sent.
  rd_kafka_resp_err_t send(const std::string& topic, const staged_messages& messages, bool copied,
                           deliveries& count);

  rd_kafka_t* get() const { return client_.get(); }
  std::string last_trouble() const { return client_.last_trouble(); }
  bool not_let_in() const { return client_.not_let_in(); }

 private:
  client client_;
  std::jthread reports_;  // serves what librdkafka has to tell
};

/// The settings of a sink, for a check without a connection.
client_settings producer_settings(const millrace::kafka::topic& to, std::vector<setting> fixed);

}  // namespace millrace::detail::kafka
