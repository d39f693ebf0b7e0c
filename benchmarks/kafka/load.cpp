#include "kafka/load.hpp"

#include <exception>
#include <set>
#include <stdexcept>
#include <thread>

#include "measure.hpp"

namespace bench {

using namespace std::chrono_literals;

std::string kafka_lines::next() {
  std::string line;
  for (int i = 0; i < words_a_line; ++i) {
    if (i != 0) line += ' ';
    const double u = std::uniform_real_distribution<>(0, 1)(random_);
    line += 'w';
    line += std::to_string(static_cast<int>(u * u * u * 10'000) + 10'000);
  }
  return line;
}

void kafka_end::operator()(rd_kafka_t* one) const { rd_kafka_destroy(one); }

kafka_client make_kafka_client(rd_kafka_type_t type, const std::string& broker,
                               const std::vector<std::pair<const char*, const char*>>& options) {
  char why[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", broker.c_str(), why, sizeof why);
  for (const auto& one : options) {
    if (rd_kafka_conf_set(conf, one.first, one.second, why, sizeof why) != RD_KAFKA_CONF_OK)
      throw std::runtime_error(why);
  }
  kafka_client made(rd_kafka_new(type, conf, why, sizeof why));
  if (made == nullptr) throw std::runtime_error(why);
  return made;
}

kafka_reader::kafka_reader(const std::string& broker, const std::string& topic, std::int64_t from)
    : client_(make_kafka_client(RD_KAFKA_CONSUMER, broker,
                                {{"group.id", "bench"},
                                 {"enable.auto.commit", "false"},
                                 {"queued.min.messages", "200000"},
                                 {"fetch.wait.max.ms", "5"},
                                 {"isolation.level", "read_committed"}})) {
  rd_kafka_poll_set_consumer(client_.get());
  rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(kafka_partitions);
  for (int p = 0; p < kafka_partitions; ++p)
    rd_kafka_topic_partition_list_add(list, topic.c_str(), p)->offset = from;
  const rd_kafka_resp_err_t code = rd_kafka_assign(client_.get(), list);
  rd_kafka_topic_partition_list_destroy(list);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(code));
  queue_ = rd_kafka_queue_get_consumer(client_.get());
}

kafka_reader::~kafka_reader() {
  rd_kafka_queue_destroy(queue_);
  rd_kafka_consumer_close(client_.get());
}

std::int64_t kafka_reader::read(std::chrono::milliseconds wait,
                                const std::function<void(const rd_kafka_message_t&)>& seen) {
  // A call for many waits until there are as many, so it is for what is there already.
  ssize_t n = rd_kafka_consume_batch_queue(queue_, 0, messages_.data(), messages_.size());
  if (n <= 0) {
    messages_[0] = rd_kafka_consume_queue(queue_, static_cast<int>(wait.count()));
    n = messages_[0] == nullptr ? 0 : 1;
  }
  std::int64_t records = 0;
  for (ssize_t i = 0; i < n; ++i) {
    rd_kafka_message_t* const m = messages_[static_cast<std::size_t>(i)];
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++records;
      seen(*m);
    }
    rd_kafka_message_destroy(m);
  }
  return records;
}

namespace {

using clock = std::chrono::steady_clock;

constexpr std::int64_t lines_a_second = 10'000;
constexpr auto line_interval = 1'000'000'000ns / lines_a_second;
/// No batch's interval goes with it, so that each part of one has its share.
constexpr std::int64_t lines_a_probe = 53;
constexpr auto patience = 30s;

double ms(clock::duration one) { return std::chrono::duration<double, std::milli>(one).count(); }

void send(rd_kafka_t* producer, const char* topic, std::int64_t number, std::string& line) {
  for (;;) {
    const rd_kafka_resp_err_t code =
        rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic),
                          RD_KAFKA_V_PARTITION(static_cast<int>(number % kafka_partitions)),
                          RD_KAFKA_V_VALUE(line.data(), line.size()),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) throw std::runtime_error(rd_kafka_err2str(code));
    rd_kafka_poll(producer, 1);
  }
}

}  // namespace

kafka_delays kafka_open_loop(const std::string& broker, const std::string& from,
                             const std::string& to, std::chrono::seconds warm,
                             std::chrono::seconds measured) {
  kafka_delays all;
  const std::int64_t first = lines_a_second * warm.count();
  const std::int64_t lines = first + lines_a_second * measured.count();
  kafka_reader reader(broker, to, RD_KAFKA_OFFSET_END);
  const clock::time_point start = clock::now();
  const auto due = [&](std::int64_t line) { return start + line * line_interval; };
  const auto number_of = [](clock::time_point one) {
    return std::chrono::duration_cast<std::chrono::microseconds>(one.time_since_epoch()).count();
  };
  std::exception_ptr failure;
  std::thread load([&] {
    try {
      const kafka_client producer =
          make_kafka_client(RD_KAFKA_PRODUCER, broker, {{"linger.ms", "1"}, {"acks", "1"}});
      kafka_lines text;
      open_loop(start, line_interval, lines, 200us, [&](std::int64_t i, std::int64_t until) {
        for (; i < until; ++i) {
          std::string line = text.next();
          const bool probe = i % lines_a_probe == 0;
          if (probe) line.append(" @").append(std::to_string(number_of(due(i))));
          send(producer.get(), from.c_str(), i, line);
          if (probe && i >= first) all.late.push_back(ms(clock::now() - due(i)));
        }
        rd_kafka_poll(producer.get(), 0);
      });
      if (rd_kafka_flush(producer.get(), 10'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw std::runtime_error("the broker does not take what is sent");
    } catch (...) {
      failure = std::current_exception();
    }
  });
  std::set<std::int64_t> seen;
  const auto probes =
      static_cast<std::size_t>((lines - 1) / lines_a_probe - (first - 1) / lines_a_probe);
  const std::int64_t measured_from = number_of(due(first));
  const clock::time_point deadline = due(lines) + patience;
  while (seen.size() < probes && clock::now() < deadline) {
    reader.read(10ms, [&](const rd_kafka_message_t& m) {
      const std::string_view word(static_cast<const char*>(m.key), m.key_len);
      if (!word.starts_with('@')) return;
      const std::int64_t number = std::stoll(std::string(word.substr(1)));
      if (number < measured_from || !seen.insert(number).second) return;
      all.delay.push_back(static_cast<double>(number_of(clock::now()) - number) / 1000);
    });
  }
  load.join();
  if (failure != nullptr) std::rethrow_exception(failure);
  agree("probes", static_cast<std::int64_t>(all.delay.size()), static_cast<std::int64_t>(probes));
  return all;
}

}  // namespace bench
