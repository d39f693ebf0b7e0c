#include "connectors/kafka/producer.hpp"

#include <utility>
#include <vector>

#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

/// Of threads that wait at the same time each may be told what another waits for, so each looks
/// again after this time.
constexpr int turn_ms = 5;

void report(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  static_cast<deliveries*>(message->_private)->ended(message->err);
}

rd_kafka_vu_t topic_part(rd_kafka_topic_t* topic) {
  rd_kafka_vu_t part{};
  part.vtype = RD_KAFKA_VTYPE_RKT;
  part.u.rkt = topic;
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

owned<rd_kafka_topic_t> topic_of(rd_kafka_t* client, const std::string& name) {
  owned<rd_kafka_topic_t> topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
  if (topic == nullptr)
    throw usage_error(std::string("kafka: a topic can't be written, ") +
                      rd_kafka_err2str(rd_kafka_last_error()) + ": " + name);
  return topic;
}

std::uint32_t length(std::uint32_t size) { return size == staged_messages::null ? 0 : size; }

client_settings producer_settings(const millrace::kafka::topic& to, std::vector<setting> fixed,
                                  const std::vector<setting>& more) {
  std::vector<setting> initial{
      {"enable.idempotence", "true"},
      // A batch ends with a flush, which waits for nothing; until then a request carries many
      // messages, not one.
      {"linger.ms", "5"},
      // 100 ms would be added to a transaction whose predecessor's end is still being written.
      {"retry.backoff.ms", "2"},
      // As Kafka's own clients: equal keys of all programs go to one partition.
      {"partitioner", "murmur2_random"},
      // How large a message may be is the broker's to say.
      {"message.max.bytes", "1000000000"}};
  initial.insert(initial.end(), more.begin(), more.end());
  return {to.brokers, to.settings, std::move(initial), std::move(fixed), report};
}

}  // namespace

void deliveries::sent(std::size_t messages) {
  const std::lock_guard lock(mutex_);
  if (under_way_ == 0) self_ = shared_from_this();
  under_way_ += messages;
}

void deliveries::ended(rd_kafka_resp_err_t how, std::size_t messages) {
  std::shared_ptr<deliveries> last;  // let go after the lock
  const std::lock_guard lock(mutex_);
  if (how != RD_KAFKA_RESP_ERR_NO_ERROR && failure_ == RD_KAFKA_RESP_ERR_NO_ERROR) failure_ = how;
  under_way_ -= messages;
  if (under_way_ != 0) return;
  last = std::move(self_);
}

bool deliveries::all_ended() const {
  const std::lock_guard lock(mutex_);
  return under_way_ == 0;
}

rd_kafka_resp_err_t deliveries::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

producer::producer(const millrace::kafka::topic& to, std::vector<setting> fixed,
                   std::vector<setting> initial)
    : client_(RD_KAFKA_PRODUCER, producer_settings(to, std::move(fixed), initial)),
      topic_(topic_of(client_.get(), to.name)) {}

producer::~producer() {
  // What is still on its way is given up, and told so to whoever counts it.
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), 1000);
}

bool producer::wait(const deliveries& count, std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  while (!count.all_ended()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    rd_kafka_flush(client_.get(), turn_ms);
  }
  return true;
}

rd_kafka_resp_err_t producer::send(const staged_messages& messages, bool copied,
                                   const std::shared_ptr<deliveries>& count,
                                   const std::function<bool()>& given_up) {
  const char* const text = messages.text().data();
  const staged_messages::header_sizes* header = messages.headers().data();
  std::vector<rd_kafka_vu_t> parts;
  std::size_t left = messages.entries().size();
  if (left == 0) return RD_KAFKA_RESP_ERR_NO_ERROR;
  count->sent(left);
  for (const staged_messages::entry& e : messages.entries()) {
    parts.clear();
    const char* at = text + e.at;
    parts.push_back(topic_part(topic_.get()));
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
    part.u.ptr = count.get();
    parts.push_back(part);
    for (;;) {
      const owned<rd_kafka_error_t> refused(
          rd_kafka_produceva(client_.get(), parts.data(), parts.size()));
      if (refused == nullptr) break;
      const rd_kafka_resp_err_t code = rd_kafka_error_code(refused.get());
      if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && !given_up()) {
        rd_kafka_poll(client_.get(), turn_ms);  // makes room
        continue;
      }
      count->ended(code, left);
      return code;
    }
    --left;
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace millrace::detail::kafka
