// A producer, and what became of its messages.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connectors/kafka/client.hpp"
#include "millrace/kafka.hpp"

namespace millrace::detail::kafka {

/// Counts messages on their way, and stays until the last has ended, whoever let go of it before.
/// Any thread.
class deliveries : public std::enable_shared_from_this<deliveries> {
 public:
  void sent(std::size_t messages);
  void ended(rd_kafka_resp_err_t how, std::size_t messages = 1);
  bool all_ended() const;
  /// The first that was not delivered; no error: none.
  rd_kafka_resp_err_t failure() const;

 private:
  mutable std::mutex mutex_;
  std::size_t under_way_ = 0;
  std::shared_ptr<deliveries> self_;  // while something is under way
  rd_kafka_resp_err_t failure_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

/// Any thread.
class producer {
 public:
  /// Throws as `client`.
  producer(const millrace::kafka::topic& to, std::vector<setting> fixed,
           std::vector<setting> initial = {});
  ~producer();
  producer(const producer&) = delete;
  producer& operator=(const producer&) = delete;

  /// Hands messages over, waiting while the queue is full, unless that is given up. `copied`: else
  /// their memory must stay until they have ended. The error of the first that is refused; those
  /// after it are not sent.
  rd_kafka_resp_err_t send(const staged_messages& messages, bool copied,
                           const std::shared_ptr<deliveries>& count,
                           const std::function<bool()>& given_up);

  /// What was handed over goes at once. Whether all that is counted has ended before the time is
  /// over. What became of messages is learnt while somebody waits here, or in `send` for room.
  bool wait(const deliveries& count, std::chrono::milliseconds at_most);

  const client& by() const { return client_; }
  rd_kafka_t* get() const { return client_.get(); }
  std::string last_trouble() const { return client_.last_trouble(); }
  bool not_let_in() const { return client_.not_let_in(); }

 private:
  client client_;
  owned<rd_kafka_topic_t> topic_;
};

}  // namespace millrace::detail::kafka
