#include "broker.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "free_port.hpp"

namespace millrace::testing {
namespace {

using namespace std::chrono_literals;

struct destroyer {
  void operator()(rd_kafka_t* one) const { rd_kafka_destroy(one); }
  void operator()(rd_kafka_queue_t* one) const { rd_kafka_queue_destroy(one); }
  void operator()(rd_kafka_topic_partition_list_t* one) const {
    rd_kafka_topic_partition_list_destroy(one);
  }
};
template <class T>
using owned = std::unique_ptr<T, destroyer>;

/// Of messages that this thread sends: why the last of those that did not arrive, if any.
thread_local rd_kafka_resp_err_t undelivered = RD_KAFKA_RESP_ERR_NO_ERROR;

void delivered(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) undelivered = message->err;
}

owned<rd_kafka_t> client(rd_kafka_type_t type, const std::string& broker,
                         const kafka_side::options& options) {
  char why[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const auto set = [&](const std::string& name, const std::string& value) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK)
      throw std::runtime_error(why);
  };
  set("bootstrap.servers", broker);
  set("log_level", "0");
  for (const auto& one : options) set(one.first, one.second);
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  owned<rd_kafka_t> made(rd_kafka_new(type, conf, why, sizeof why));
  if (made == nullptr) throw std::runtime_error(why);
  return made;
}

void require(rd_kafka_resp_err_t code, const char* what) {
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw std::runtime_error(std::string(what) + ": " + rd_kafka_err2str(code));
}
void require(rd_kafka_error_t* failure, const char* what) {
  if (failure == nullptr) return;
  const std::string text = std::string(what) + ": " + rd_kafka_error_string(failure);
  rd_kafka_error_destroy(failure);
  throw std::runtime_error(text);
}

struct end_not_reached : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Where a consumer is, and where it should be.
std::string where(rd_kafka_t* consumer, rd_kafka_topic_partition_list_t* list,
                  const std::vector<std::int64_t>& ends) {
  require(rd_kafka_position(consumer, list), "position");
  std::string text;
  for (int i = 0; i < list->cnt; ++i) {
    const std::int64_t end = ends[static_cast<std::size_t>(i)];
    if (end == INT64_MAX) continue;
    text += " [" + std::to_string(i) + "] at " + std::to_string(list->elems[i].offset) + " of " +
            std::to_string(end);
  }
  return text;
}

void wait_for(const owned<rd_kafka_queue_t>& queue, const char* what) {
  rd_kafka_event_t* const done = rd_kafka_queue_poll(queue.get(), 30'000);
  if (done == nullptr) throw std::runtime_error(std::string(what) + ": no answer");
  const rd_kafka_resp_err_t code = rd_kafka_event_error(done);
  rd_kafka_resp_err_t inner = RD_KAFKA_RESP_ERR_NO_ERROR;
  if (const auto* made = rd_kafka_event_CreateTopics_result(done); made != nullptr) {
    std::size_t n = 0;
    const rd_kafka_topic_result_t** all = rd_kafka_CreateTopics_result_topics(made, &n);
    for (std::size_t i = 0; i < n; ++i) inner = rd_kafka_topic_result_error(all[i]);
  }
  rd_kafka_event_destroy(done);
  require(code, what);
  require(inner, what);
}

void produce(rd_kafka_t* to, const std::string& topic, const std::vector<kafka_message>& all) {
  undelivered = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (const kafka_message& m : all) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(m.headers.size());
    for (const auto& h : m.headers)
      rd_kafka_header_add(headers, h.first.c_str(), -1, h.second ? h.second->data() : nullptr,
                          h.second ? static_cast<ssize_t>(h.second->size()) : 0);
    const auto pointer = [](const std::optional<std::string>& text) {
      return text ? const_cast<char*>(text->data()) : nullptr;
    };
    for (;;) {
      const rd_kafka_resp_err_t code =
          rd_kafka_producev(to, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(m.partition),
                            RD_KAFKA_V_KEY(pointer(m.key), (m.key ? m.key->size() : 0)),
                            RD_KAFKA_V_VALUE(pointer(m.value), (m.value ? m.value->size() : 0)),
                            RD_KAFKA_V_TIMESTAMP(m.timestamp), RD_KAFKA_V_HEADERS(headers),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) break;
      if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) require(code, "produce");
      rd_kafka_poll(to, 10);
    }
  }
  require(rd_kafka_flush(to, 60'000), "flush");
  require(undelivered, "deliver");
}

bool answers(const std::string& broker) {
  const auto asking = client(RD_KAFKA_PRODUCER, broker, {});
  const rd_kafka_metadata_t* all = nullptr;
  if (rd_kafka_metadata(asking.get(), 1, nullptr, &all, 1000) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return false;
  const bool there = all->broker_cnt > 0;
  rd_kafka_metadata_destroy(all);
  return there;
}

}  // namespace

bool eventually(const std::function<bool()>& so) {
  const auto deadline = std::chrono::steady_clock::now() + 180s;
  while (!so()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

kafka_broker::kafka_broker(std::vector<std::string> properties)
    : port_(free_port()),
      controller_port_(free_port()),
      address_("127.0.0.1:" + std::to_string(port_)),
      properties_(std::move(properties)) {
  std::string name = (std::filesystem::temp_directory_path() / "millrace-kafka-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory for a broker");
  directory_ = name;
  // May take minutes the first time on a machine: it fetches the jars.
  if (std::system(MILLRACE_KAFKA_BROKER " fetch") != 0)
    throw std::runtime_error("the broker's jars could not be fetched; see above");
  start();
}

kafka_broker::~kafka_broker() {
  if (process_ > 0) kill();
  std::error_code ignored;  // a directory that stays in /tmp fails no test
  std::filesystem::remove_all(directory_, ignored);
}

void kafka_broker::start() {
  std::vector<std::string> words{MILLRACE_KAFKA_BROKER, "run", directory_, std::to_string(port_),
                                 std::to_string(controller_port_)};
  words.insert(words.end(), properties_.begin(), properties_.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error("no process for a broker");
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  const bool ready = eventually([&] {
    if (::waitpid(process_, nullptr, WNOHANG) == process_) {
      process_ = -1;
      return true;
    }
    return answers(address_);
  });
  if (ready && process_ > 0) return;
  std::ifstream log(directory_ + "/broker.log");
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  throw std::runtime_error("the Kafka broker did not start:\n" + text);
}

void kafka_broker::kill() {
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

void kafka_broker::freeze() { ::kill(process_, SIGSTOP); }
void kafka_broker::thaw() { ::kill(process_, SIGCONT); }

void kafka_side::create(const std::string& topic, int partitions, const options& config) const {
  const auto admin = client(RD_KAFKA_PRODUCER, broker_, {});
  const owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(admin.get()));
  char why[256];
  rd_kafka_NewTopic_t* wanted =
      rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, why, sizeof why);
  for (const auto& one : config)
    rd_kafka_NewTopic_set_config(wanted, one.first.c_str(), one.second.c_str());
  rd_kafka_CreateTopics(admin.get(), &wanted, 1, nullptr, queue.get());
  rd_kafka_NewTopic_destroy(wanted);
  wait_for(queue, "create a topic");
}

void kafka_side::remove(const std::string& topic) const {
  const auto admin = client(RD_KAFKA_PRODUCER, broker_, {});
  const owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(admin.get()));
  rd_kafka_DeleteTopic_t* gone = rd_kafka_DeleteTopic_new(topic.c_str());
  rd_kafka_DeleteTopics(admin.get(), &gone, 1, nullptr, queue.get());
  rd_kafka_DeleteTopic_destroy(gone);
  wait_for(queue, "delete a topic");
}

void kafka_side::add_partitions(const std::string& topic, int total) const {
  const auto admin = client(RD_KAFKA_PRODUCER, broker_, {});
  const owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(admin.get()));
  char why[256];
  rd_kafka_NewPartitions_t* more =
      rd_kafka_NewPartitions_new(topic.c_str(), static_cast<std::size_t>(total), why, sizeof why);
  rd_kafka_CreatePartitions(admin.get(), &more, 1, nullptr, queue.get());
  rd_kafka_NewPartitions_destroy(more);
  wait_for(queue, "add partitions");
}

void kafka_side::delete_records(const std::string& topic, std::int64_t before) const {
  const auto admin = client(RD_KAFKA_PRODUCER, broker_, {});
  const owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(admin.get()));
  const owned<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), 0)->offset = before;
  rd_kafka_DeleteRecords_t* gone = rd_kafka_DeleteRecords_new(list.get());
  rd_kafka_DeleteRecords(admin.get(), &gone, 1, nullptr, queue.get());
  rd_kafka_DeleteRecords_destroy(gone);
  wait_for(queue, "delete records");
}

void kafka_side::send(const std::string& topic, const std::vector<kafka_message>& messages,
                      const options& config) const {
  // Idempotent: what is sent again, since a new topic has no leader yet, stays in order.
  options all{
      {"linger.ms", "0"}, {"message.max.bytes", "100000000"}, {"enable.idempotence", "true"}};
  all.insert(all.end(), config.begin(), config.end());
  const auto producer = client(RD_KAFKA_PRODUCER, broker_, all);
  produce(producer.get(), topic, messages);
}

void kafka_side::send_values(const std::string& topic, const std::vector<std::string>& values,
                             int partitions) const {
  std::vector<kafka_message> all;
  int partition = 0;
  for (const std::string& value : values) {
    kafka_message m;
    m.value = value;
    m.partition = partition++ % partitions;
    all.push_back(std::move(m));
  }
  send(topic, all);
}

void kafka_side::send_in_transaction(const std::string& topic,
                                     const std::vector<kafka_message>& messages,
                                     bool commit) const {
  const auto producer = client(RD_KAFKA_PRODUCER, broker_,
                               {{"linger.ms", "0"}, {"transactional.id", "side-" + topic}});
  require(rd_kafka_init_transactions(producer.get(), 30'000), "init");
  require(rd_kafka_begin_transaction(producer.get()), "begin");
  produce(producer.get(), topic, messages);
  if (commit) require(rd_kafka_commit_transaction(producer.get(), 30'000), "commit");
  else require(rd_kafka_abort_transaction(producer.get(), 30'000), "abort");
  (void)read(topic);  // waits for its marks
}

std::vector<kafka_message> kafka_side::read(const std::string& topic, bool committed) const {
  // A consumer that is stuck, since its broker went away under it, says nothing of the topic.
  for (int tries = 1;; ++tries) {
    try {
      return read_once(topic, committed);
    } catch (const end_not_reached&) {
      if (tries == 3) throw;
    }
  }
}

std::vector<kafka_message> kafka_side::read_once(const std::string& topic, bool committed) const {
  const auto consumer =
      client(RD_KAFKA_CONSUMER, broker_,
             {{"group.id", "test-side"},
              {"enable.auto.commit", "false"},
              {"enable.partition.eof", "true"},
              {"fetch.wait.max.ms", "10"},
              {"isolation.level", committed ? "read_committed" : "read_uncommitted"}});
  rd_kafka_topic_t* const handle = rd_kafka_topic_new(consumer.get(), topic.c_str(), nullptr);
  const rd_kafka_metadata_t* about = nullptr;
  const rd_kafka_resp_err_t code = rd_kafka_metadata(consumer.get(), 0, handle, &about, 10'000);
  rd_kafka_topic_destroy(handle);
  require(code, "metadata");
  const int partitions = about->topics[0].partition_cnt;
  rd_kafka_metadata_destroy(about);
  const owned<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(partitions));
  // A transaction that was committed may be on its way into the partition still: its marks are
  // waited for, up to what is there now.
  std::vector<std::int64_t> ends;
  for (int i = 0; i < partitions; ++i) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), i)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    ends.push_back(end_offset(topic, i));
  }
  require(rd_kafka_assign(consumer.get(), list.get()), "assign");
  std::map<std::pair<int, std::int64_t>, kafka_message> all;
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  for (int open = partitions; open > 0;) {
    if (std::chrono::steady_clock::now() >= deadline)
      throw end_not_reached("the end of a topic was not reached: " + topic +
                            where(consumer.get(), list.get(), ends));
    rd_kafka_message_t* const m = rd_kafka_consumer_poll(consumer.get(), 100);
    if (m == nullptr) continue;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF &&
        m->offset >= ends[static_cast<std::size_t>(m->partition)]) {
      ends[static_cast<std::size_t>(m->partition)] = INT64_MAX;  // counted
      --open;
    }
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      kafka_message one;
      const auto text = [](const void* at, std::size_t size) -> std::optional<std::string> {
        if (at == nullptr) return std::nullopt;
        return std::string(static_cast<const char*>(at), size);
      };
      one.key = text(m->key, m->key_len);
      one.value = text(m->payload, m->len);
      one.partition = m->partition;
      one.offset = m->offset;
      one.timestamp = rd_kafka_message_timestamp(m, nullptr);
      rd_kafka_headers_t* headers = nullptr;
      if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                                RD_KAFKA_RESP_ERR_NO_ERROR;
             ++i)
          one.headers.emplace_back(name, text(value, size));
      }
      all.emplace(std::pair(one.partition, one.offset), std::move(one));
    }
    rd_kafka_message_destroy(m);
  }
  std::vector<kafka_message> in_order;
  for (auto& one : all) in_order.push_back(std::move(one.second));
  return in_order;
}

std::vector<std::string> kafka_side::values(const std::string& topic, bool committed) const {
  std::vector<std::string> all;
  for (const kafka_message& m : read(topic, committed)) all.push_back(m.value.value_or("null"));
  return all;
}

std::int64_t kafka_side::group_offset(const std::string& group, const std::string& topic,
                                      int partition) const {
  const auto consumer =
      client(RD_KAFKA_CONSUMER, broker_, {{"group.id", group}, {"enable.auto.commit", "false"}});
  const owned<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  require(rd_kafka_committed(consumer.get(), list.get(), 10'000), "committed");
  return list->elems[0].offset < 0 ? -1 : list->elems[0].offset;
}

std::int64_t kafka_side::end_offset(const std::string& topic, int partition) const {
  const auto consumer =
      client(RD_KAFKA_CONSUMER, broker_, {{"isolation.level", "read_uncommitted"}});
  std::int64_t low = 0;
  std::int64_t high = 0;
  // A broker that has just come back takes a moment to lead its partitions again.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  do {
    code = rd_kafka_query_watermark_offsets(consumer.get(), topic.c_str(), partition, &low, &high,
                                            10'000);
  } while (code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION &&
           std::chrono::steady_clock::now() < until);
  require(code, "watermarks");
  return high;
}

}  // namespace millrace::testing
