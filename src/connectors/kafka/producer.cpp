#include "connectors/kafka/producer.hpp"

#include <algorithm>
#include <vector>

#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

void report(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  static_cast<deliveries*>(message->_private)->ended(message->err);
}

rd_kafka_vu_t topic_part(const char* topic) {
  rd_kafka_vu_t part{};
  part.vtype = RD_KAFKA_VTYPE_TOPIC;
  part.u.cstr = topic;
  return part;
}

rd_kafka_vu_t bytes_part(rd_kafka_vtype_t type, const char* at, std::uint32_t size) {
  rd_kafka_vu_t part{};
  part.vtype = type;
  // An empty value is not null, so it must point somewhere.
  part.u.mem.ptr = size == staged_messages::null ? nullptr : const_cast<char*>(at);
  part.u.mem.size = size == staged_messages::null ? 0 : size;
  return part;
}

std::uint32_t length(std::uint32_t size) { return size == staged_messages::null ? 0 : size; }

}  // namespace

void deliveries::sent(std::size_t messages) {
  const std::lock_guard lock(mutex_);
  under_way_ += messages;
}

void deliveries::ended(rd_kafka_resp_err_t how, std::size_t messages) {
  const std::lock_guard lock(mutex_);
  if (how != RD_KAFKA_RESP_ERR_NO_ERROR && failure_ == RD_KAFKA_RESP_ERR_NO_ERROR) failure_ = how;
  // Told under the lock: whoever waits may destroy this then.
  under_way_ -= messages;
  if (under_way_ == 0) changed_.notify_all();
}

bool deliveries::wait(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [this] { return under_way_ == 0; });
}

rd_kafka_resp_err_t deliveries::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

client_settings producer_settings(const millrace::kafka::topic& to, std::vector<setting> fixed) {
  std::vector<setting> initial{
      {"enable.idempotence", "true"},
      // A batch is handed over at once, so waiting for more would only delay it.
      {"linger.ms", "0"},
      // 100 ms would be added to a transaction whose predecessor's end is still being written.
      {"retry.backoff.ms", "2"},
      // As Kafka's own clients: equal keys of all programs go to one partition.
      {"partitioner", "murmur2_random"},
      // How large a message may be is the broker's to say.
      {"message.max.bytes", "1000000000"}};
  return {to.brokers, to.settings, std::move(initial), std::move(fixed), report};
}

producer::producer(const millrace::kafka::topic& to, std::vector<setting> fixed)
    : client_(RD_KAFKA_PRODUCER, producer_settings(to, std::move(fixed))),
      reports_([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) rd_kafka_poll(client_.get(), 50);
      }) {}

producer::~producer() {
  // What is still on its way is given up, and told so to whoever counts it.
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  reports_.request_stop();
  reports_.join();
  rd_kafka_flush(client_.get(), 1000);
}

rd_kafka_resp_err_t producer::send(const std::string& topic, const staged_messages& messages,
                                   bool copied, deliveries& count) {
  const char* const text = messages.text().data();
  const staged_messages::header_sizes* header = messages.headers().data();
  std::vector<rd_kafka_vu_t> parts;
  std::size_t left = messages.entries().size();
  count.sent(left);
  for (const staged_messages::entry& e : messages.entries()) {
    parts.clear();
    const char* at = text + e.at;
    parts.push_back(topic_part(topic.c_str()));
    rd_kafka_vu_t part{};
    part.vtype = RD_KAFKA_VTYPE_PARTITION;
    part.u.i32 = e.partition < 0 ? RD_KAFKA_PARTITION_UA : e.partition;
    parts.push_back(part);
    if (e.timestamp != 0) {
      part.vtype = RD_KAFKA_VTYPE_TIMESTAMP;
      part.u.i64 = e.timestamp;
      parts.push_back(part);
    }
    parts.push_back(bytes_part(RD_KAFKA_VTYPE_KEY, at, e.key_size));
    at += length(e.key_size);
    parts.push_back(bytes_part(RD_KAFKA_VTYPE_VALUE, at, e.value_size));
    at += length(e.value_size);
    for (std::uint32_t i = 0; i < e.headers; ++i, ++header) {
      part.vtype = RD_KAFKA_VTYPE_HEADER;
      part.u.header.name = at;  // its end is marked
      part.u.header.size = 0;
      part.u.header.val = nullptr;
      at += header->name;
      if (header->value != staged_messages::null) {
        part.u.header.val = at;
        part.u.header.size = static_cast<ssize_t>(header->value);
      }
      at += length(header->value);
      parts.push_back(part);
    }
    part.vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    part.u.i = copied ? RD_KAFKA_MSG_F_COPY : 0;
    parts.push_back(part);
    part.vtype = RD_KAFKA_VTYPE_OPAQUE;
    part.u.ptr = &count;
    parts.push_back(part);
    for (;;) {
      const owned<rd_kafka_error_t> refused(
          rd_kafka_produceva(client_.get(), parts.data(), parts.size()));
      if (refused == nullptr) break;
      const rd_kafka_resp_err_t code = rd_kafka_error_code(refused.get());
      if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        continue;
      }
      count.ended(code, left);
      return code;
    }
    --left;
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace millrace::detail::kafka
