// kafka::topic: messages on their way, once or at least once.
#include <map>
#include <memory>
#include <mutex>

#include "connectors/kafka/producer.hpp"
#include "connectors/kafka/transactions.hpp"
#include "connectors/kafka/waiting_messages.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

using namespace std::chrono_literals;

/// How often it is looked whether anybody still waits.
constexpr auto look_up = 50ms;

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

  /// What a batch was made of, for whoever asks after its commit.
  void committed(const std::vector<prepared>& all, int attempts) {
    std::int64_t messages = 0;
    std::int64_t bytes = 0;
    std::int64_t on_disk = 0;
    for (const prepared& one : all) {
      messages += one.messages;
      bytes += one.bytes;
      on_disk += one.waiting != nullptr && one.waiting->on_disk() ? 1 : 0;
    }
    const std::lock_guard lock(mutex_);
    last_ = {{"messages", messages},
             {"bytes", bytes},
             {"transactions", attempts},
             {"partitions_on_disk", on_disk}};
  }
  std::vector<std::pair<std::string, std::int64_t>> last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::vector<std::pair<std::string, std::int64_t>> last_;
  std::unique_ptr<producer> producer_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<transactions>> transactions_;
};

void check_delivery(const millrace::kafka::topic& to, rd_kafka_resp_err_t code) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  throw error("kafka: messages were not delivered to the topic " + to.name + ": " +
              rd_kafka_err2str(code) + to.state->at_least_once(to).last_trouble());
}

/// librdkafka gives messages up after `patience`, so this ends.
void await_delivery(const millrace::kafka::topic& to, deliveries& under_way) {
  producer& by = to.state->at_least_once(to);
  while (!by.wait(under_way, look_up)) {
    if (lane_cancelled())
      throw error(
          "kafka: the stream ended before the brokers had acknowledged all messages to the topic " +
          to.name);
  }
  check_delivery(to, under_way.failure());
}

std::shared_ptr<sink_state> make_sink_state() { return std::make_shared<sink_state>(); }

partition_writer::partition_writer(const millrace::kafka::topic& to, const task_context& task)
    : to_(to), task_(task) {
  if (exactly_once(to)) result_.waiting = std::make_shared<waiting_messages>(task.memory());
  else result_.under_way = std::make_shared<deliveries>();
}

partition_writer::~partition_writer() = default;

void partition_writer::pass_on() {
  result_.messages += static_cast<std::int64_t>(messages_.entries().size());
  result_.bytes += static_cast<std::int64_t>(messages_.bytes());
  if (result_.waiting != nullptr) return result_.waiting->add(messages_);
  const auto given_up = [this] { return task_.cancelled() || lane_cancelled(); };
  check_delivery(to_,
                 to_.state->at_least_once(to_).send(messages_, true, result_.under_way, given_up));
  messages_.clear();
}

prepared partition_writer::finish() {
  if (!messages_.entries().empty()) pass_on();
  return std::move(result_);
}

}  // namespace millrace::detail::kafka

namespace millrace::kafka {

bool topic::committed(const output_id& batch) const {
  if (!detail::kafka::exactly_once(*this)) return false;
  return state->of(*this, batch).committed(batch.batch.time_since_epoch().count());
}

void topic::commit(const output_id& batch, std::vector<detail::kafka::prepared> all) const {
  int transactions = 0;
  if (detail::kafka::exactly_once(*this)) {
    detail::kafka::transactions& own = state->of(*this, batch);
    own.commit(batch.batch.time_since_epoch().count(), all);
    transactions = own.attempts();
  } else {
    for (const detail::kafka::prepared& one : all)
      detail::kafka::await_delivery(*this, *one.under_way);
  }
  state->committed(all, transactions);
}

measurement topic::measured(const output_id& batch) const {
  return {"kafka " + brokers + " " + name + " (" + batch.operation + ")", state->last()};
}

}  // namespace millrace::kafka
