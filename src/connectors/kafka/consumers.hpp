// Consumers that stay between batches and fetch ahead.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "connectors/kafka/client.hpp"
#include "millrace/kafka.hpp"

namespace millrace::detail::kafka {

/// One partition of a client: assigned when it is first read, it fetches ahead from where the last
/// read ended. One thread at a time.
class partition_consumer {
 public:
  partition_consumer(const client& of, const std::string& topic, int partition);
  ~partition_consumer();
  partition_consumer(const partition_consumer&) = delete;
  partition_consumer& operator=(const partition_consumer&) = delete;

  /// The next record that `next` gives is this or a later one. Costs nothing where the last read
  /// ended here. Throws error.
  void seek(std::int64_t offset);
  /// Records before `until` that have been fetched, at most `most` (> 0); where there are none,
  /// waits up to `wait` for the first. REQUIRES: `position` < `until`. Offsets that hold no record
  /// for us (aborted, compacted, a transaction's end) are passed over.
  void next(std::int64_t until, std::size_t most, std::chrono::milliseconds wait,
            std::vector<owned<rd_kafka_message_t>>& to);
  /// All before it was given, or is no record.
  std::int64_t position() const { return position_; }

  /// Why nothing comes; no error where the brokers are slow or away.
  rd_kafka_resp_err_t failure() const { return failure_; }
  const std::string& failure_text() const { return failure_text_; }

 private:
  void unassign();
  void fetch(std::size_t most, std::chrono::milliseconds wait);

  rd_kafka_t* client_;
  owned<rd_kafka_topic_t> topic_;
  int partition_;
  owned<rd_kafka_queue_t> queue_;  // null: not assigned
  std::int64_t position_ = -1;
  std::deque<owned<rd_kafka_message_t>> waiting_;  // taken from the queue, not given yet
  std::vector<rd_kafka_message_t*> fetched_;       // scratch of `fetch`
  rd_kafka_resp_err_t failure_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string failure_text_;
};

/// The consumers of a source in this process: one client for all partitions, since one connection
/// fetches for all of them. Any thread.
class consumers {
 public:
  explicit consumers(millrace::kafka::topics options);
  ~consumers();

  /// Holds a partition until destroyed.
  class lease {
   public:
    lease(consumers* of, std::string name, std::shared_ptr<const client> from,
          std::unique_ptr<partition_consumer> one)
        : of_(of), name_(std::move(name)), client_(std::move(from)), one_(std::move(one)) {}
    lease(lease&&) = default;
    lease& operator=(lease&&) = delete;
    ~lease();
    partition_consumer& operator*() const { return *one_; }
    partition_consumer* operator->() const { return one_.get(); }
    const client& from() const { return *client_; }
    /// It is in a state that nobody knows: the next one starts anew.
    void give_up() { one_.reset(); }

   private:
    consumers* of_;
    std::string name_;
    std::shared_ptr<const client> client_;
    std::unique_ptr<partition_consumer> one_;
  };
  /// Where another task holds the partition (two outputs that read the same, or a dataset that is
  /// crossed with itself), a client of its own is made for this one.
  lease take(const std::string& topic, int partition);

 private:
  std::shared_ptr<const client> make() const;

  millrace::kafka::topics options_;
  std::mutex mutex_;  // guards what follows
  std::shared_ptr<const client> client_;
  /// What nobody holds; null: somebody does.
  std::unordered_map<std::string, std::unique_ptr<partition_consumer>> idle_;
};

}  // namespace millrace::detail::kafka
