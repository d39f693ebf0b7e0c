#include "connectors/kafka/consumers.hpp"

#include <algorithm>

#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

client_settings consumer_settings(const millrace::kafka::topics& o) {
  return {o.brokers,
          o.settings,
          // A partition that is sought again waits until the fetch that is under way has ended.
          {{"fetch.wait.max.ms", "100"}, {"fetch.error.backoff.ms", "50"}},
          {{"enable.auto.commit", "false"},
           {"enable.auto.offset.store", "false"},
           {"auto.offset.reset", "error"},
           {"enable.partition.eof", "true"}}};
}

}  // namespace

partition_consumer::partition_consumer(const client& of, const std::string& topic, int partition)
    : client_(of.get()),
      topic_(rd_kafka_topic_new(of.get(), topic.c_str(), nullptr)),
      partition_(partition) {
  if (topic_ == nullptr)
    throw error(std::string("kafka: a topic can't be read, ") +
                rd_kafka_err2str(rd_kafka_last_error()) + ": " + topic);
}

partition_consumer::~partition_consumer() { unassign(); }

void partition_consumer::unassign() {
  waiting_.clear();
  if (queue_ == nullptr) return;
  rd_kafka_consume_stop(topic_.get(), partition_);
  queue_.reset();
}

void partition_consumer::seek(std::int64_t offset) {
  if (queue_ != nullptr && position_ == offset && failure_ == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  // A queue of its own, so that nothing comes which was fetched before.
  unassign();
  owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(client_));
  if (rd_kafka_consume_start_queue(topic_.get(), partition_, offset, queue.get()) != 0)
    throw error(std::string("kafka: a partition can't be assigned: ") +
                rd_kafka_err2str(rd_kafka_last_error()));
  queue_ = std::move(queue);
  position_ = offset;
  failure_ = RD_KAFKA_RESP_ERR_NO_ERROR;
}

void partition_consumer::next(std::int64_t until, std::size_t most, std::chrono::milliseconds wait,
                              std::vector<owned<rd_kafka_message_t>>& to) {
  if (waiting_.empty()) fetch(std::min(most, static_cast<std::size_t>(until - position_)), wait);
  for (std::size_t taken = 0; !waiting_.empty() && taken < most && position_ < until;) {
    const rd_kafka_message_t& m = *waiting_.front();
    if (m.err == RD_KAFKA_RESP_ERR_NO_ERROR || m.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      const bool record = m.err == RD_KAFKA_RESP_ERR_NO_ERROR;
      if (m.offset >= until && (record || m.offset > until)) {
        position_ = until;  // it belongs to whoever reads on
        return;
      }
      const bool wanted = record && m.offset >= position_;
      position_ = std::max(position_, m.offset + (record ? 1 : 0));
      if (wanted) {
        to.push_back(std::move(waiting_.front()));
        ++taken;
      }
    } else if (!may_pass(m.err) || is_gone(m.err)) {
      failure_ = m.err;
      failure_text_ = rd_kafka_message_errstr(&m);
    }
    waiting_.pop_front();
  }
}

void partition_consumer::fetch(std::size_t most, std::chrono::milliseconds wait) {
  fetched_.resize(most);
  // A call for a batch waits until it is full, so it is for what is there already.
  ssize_t n = rd_kafka_consume_batch_queue(queue_.get(), 0, fetched_.data(), most);
  if (n <= 0) {
    fetched_[0] = rd_kafka_consume_queue(queue_.get(), static_cast<int>(wait.count()));
    n = fetched_[0] == nullptr ? 0 : 1;
  }
  for (ssize_t i = 0; i < n; ++i) waiting_.emplace_back(fetched_[static_cast<std::size_t>(i)]);
}

consumers::consumers(millrace::kafka::topics options) : options_(std::move(options)) {}
consumers::~consumers() = default;

std::shared_ptr<const client> consumers::make() const {
  return std::make_shared<const client>(RD_KAFKA_CONSUMER, consumer_settings(options_));
}

consumers::lease consumers::take(const std::string& topic, int partition) {
  std::string name = topic + "/" + std::to_string(partition);
  std::unique_ptr<partition_consumer> one;
  std::shared_ptr<const client> from;
  {
    const std::lock_guard lock(mutex_);
    if (client_ == nullptr) client_ = make();
    const auto [at, first] = idle_.try_emplace(name);
    if (first || at->second != nullptr) {
      from = client_;
      one = std::move(at->second);
    }
  }
  if (from == nullptr) {
    from = make();
    one = std::make_unique<partition_consumer>(*from, topic, partition);
    return {nullptr, std::move(name), std::move(from), std::move(one)};
  }
  if (one == nullptr) {
    try {
      one = std::make_unique<partition_consumer>(*from, topic, partition);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      idle_.erase(name);
      throw;
    }
  }
  return {this, std::move(name), std::move(from), std::move(one)};
}

consumers::lease::~lease() {
  if (of_ == nullptr || client_ == nullptr) return;
  const std::lock_guard lock(of_->mutex_);
  if (one_ == nullptr) of_->idle_.erase(name_);
  else of_->idle_[name_] = std::move(one_);
}

}  // namespace millrace::detail::kafka
