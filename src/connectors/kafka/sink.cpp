// kafka::topic: messages on their way, once or at least once.
#include <map>
#include <memory>
#include <mutex>

#include "connectors/kafka/producer.hpp"
#include "connectors/kafka/transactions.hpp"
#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

/// So much of a partition is sent at a time, at least once.
constexpr std::size_t send_bytes = std::size_t{256} << 10;

bool exactly_once(const millrace::kafka::topic& to) {
  return to.delivery == millrace::kafka::delivery::exactly_once;
}

void check(const millrace::kafka::topic& to) {
  if (to.name.empty()) throw usage_error("kafka::topic: the name is missing");
  if (to.patience <= std::chrono::milliseconds(0))
    throw usage_error("kafka::topic: patience must be positive");
}

}  // namespace

/// Any thread.
class sink_state {
 public:
  producer& at_least_once(const millrace::kafka::topic& to) {
    const std::lock_guard lock(mutex_);
    if (producer_ == nullptr) {
      check(to);
      producer_ = std::make_unique<producer>(
          to, std::vector<setting>{{"message.timeout.ms", std::to_string(to.patience.count())}});
    }
    return *producer_;
  }
  /// The calls of one operation come one after another, in the order of batches.
  transactions& of(const millrace::kafka::topic& to, const output_id& batch) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<transactions>& one = transactions_[{batch.application, batch.operation}];
    if (one == nullptr) {
      check(to);
      millrace::kafka::topic own = to;
      own.state.reset();  // it holds us
      one = std::make_unique<transactions>(std::move(own),
                                           transaction_name(batch.application, batch.operation));
    }
    return *one;
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<producer> producer_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<transactions>> transactions_;
};

std::shared_ptr<sink_state> make_sink_state() { return std::make_shared<sink_state>(); }

/// Messages of one partition that are sent while it is computed.
class partition_writer::delivery_in_progress {
 public:
  explicit delivery_in_progress(const millrace::kafka::topic& to)
      : name_(to.name), producer_(to.state->at_least_once(to)) {}
  ~delivery_in_progress() {
    // They count here, so they must have ended; librdkafka gives them up after `patience`.
    while (!count_.wait(std::chrono::seconds(1))) {
    }
  }
  delivery_in_progress(const delivery_in_progress&) = delete;
  delivery_in_progress& operator=(const delivery_in_progress&) = delete;

  void send(const staged_messages& messages) {
    check_code(producer_.send(name_, messages, true, count_));
  }
  void finish() {
    while (!count_.wait(std::chrono::seconds(1))) {
    }
    check_code(count_.failure());
  }

 private:
  void check_code(rd_kafka_resp_err_t code) const {
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    throw error("kafka: messages were not delivered to the topic " + name_ + ": " +
                rd_kafka_err2str(code) + producer_.last_trouble());
  }

  std::string name_;
  producer& producer_;
  deliveries count_;
};

partition_writer::partition_writer(const millrace::kafka::topic& to, const output_id&)
    : messages_(std::make_shared<staged_messages>()), send_at_(SIZE_MAX) {
  if (exactly_once(to)) return;
  send_at_ = send_bytes;
  sending_ = std::make_unique<delivery_in_progress>(to);
}

partition_writer::~partition_writer() = default;

void partition_writer::send() {
  sending_->send(*messages_);
  messages_->clear();
}

staged_messages_ptr partition_writer::finish() {
  if (sending_ == nullptr) return std::move(messages_);
  send();
  sending_->finish();
  return nullptr;
}

}  // namespace millrace::detail::kafka

namespace millrace::kafka {

bool topic::committed(const output_id& batch) const {
  if (!detail::kafka::exactly_once(*this)) return false;
  return state->of(*this, batch).committed(batch.batch.time_since_epoch().count());
}

void topic::commit(const output_id& batch,
                   std::vector<detail::kafka::staged_messages_ptr> all) const {
  if (!detail::kafka::exactly_once(*this)) return;
  state->of(*this, batch).commit(batch.batch.time_since_epoch().count(), all);
}

}  // namespace millrace::kafka
