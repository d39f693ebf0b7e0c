// Kafka on this machine: a stream's count beside a bare consumer of librdkafka, words counted from
// topic to topic, and how soon a word that is due is counted in the output topic. Broker, load and
// stream share the processors, so only ratios and orders of magnitude mean something.
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "broker.hpp"
#include "measure.hpp"
#include "millrace/kafka.hpp"
#include "millrace/testing.hpp"

using namespace std::chrono_literals;
namespace mr = millrace;

namespace {

constexpr int partitions = 2;
constexpr std::int64_t records = 1'500'000;
constexpr int words_a_line = 10;

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Lines of ten words, about 65 bytes; common words are common.
class lines {
 public:
  std::string next() {
    std::string line;
    for (int i = 0; i < words_a_line; ++i) {
      if (i != 0) line += ' ';
      const double u = std::uniform_real_distribution<>(0, 1)(random_);
      line += 'w';
      line += std::to_string(static_cast<int>(u * u * u * 10'000) + 10'000);
    }
    return line;
  }

 private:
  std::minstd_rand random_{1};
};

void check(rd_kafka_resp_err_t code) {
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(code));
}

rd_kafka_t* client(rd_kafka_type_t type, const std::string& broker,
                   const std::vector<std::pair<const char*, const char*>>& options) {
  char why[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", broker.c_str(), why, sizeof why);
  for (const auto& one : options) {
    if (rd_kafka_conf_set(conf, one.first, one.second, why, sizeof why) != RD_KAFKA_CONF_OK)
      throw std::runtime_error(why);
  }
  rd_kafka_t* const made = rd_kafka_new(type, conf, why, sizeof why);
  if (made == nullptr) throw std::runtime_error(why);
  return made;
}

rd_kafka_t* consumer_of(const std::string& broker, const std::string& topic,
                        std::int64_t from = RD_KAFKA_OFFSET_BEGINNING) {
  rd_kafka_t* const consumer = client(RD_KAFKA_CONSUMER, broker,
                                      {{"group.id", "bench"},
                                       {"enable.auto.commit", "false"},
                                       {"queued.min.messages", "200000"},
                                       {"fetch.wait.max.ms", "5"},
                                       {"isolation.level", "read_committed"}});
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p)
    rd_kafka_topic_partition_list_add(list, topic.c_str(), p)->offset = from;
  check(rd_kafka_assign(consumer, list));
  rd_kafka_topic_partition_list_destroy(list);
  return consumer;
}

double bare_count(const std::string& broker, const std::string& topic) {
  const bench::stopwatch watch;
  rd_kafka_t* const consumer = consumer_of(broker, topic);
  rd_kafka_queue_t* const queue = rd_kafka_queue_get_consumer(consumer);
  std::vector<rd_kafka_message_t*> batch(10'000);
  std::int64_t seen = 0;
  while (seen < records) {
    const ssize_t n = rd_kafka_consume_batch_queue(queue, 100, batch.data(), batch.size());
    for (ssize_t i = 0; i < n; ++i) {
      seen += batch[static_cast<std::size_t>(i)]->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
      rd_kafka_message_destroy(batch[static_cast<std::size_t>(i)]);
    }
  }
  const double seconds = watch.seconds();
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return static_cast<double>(records) / seconds / 1e6;
}

mr::kafka::topics source(const std::string& broker, const std::string& topic) {
  return {.brokers = broker, .names = {topic}, .start = mr::kafka::earliest};
}

/// Ten batches of a tenth each.
mr::testing::stream_fixture* fixture() {
  return new mr::testing::stream_fixture(
      {.name = "bench" + std::to_string(now_us()),
       .master = "local[2]",
       .batch = 10s,
       .conf = {{"streaming.receiver.maxRate", std::to_string(records / 100)}}});
}

double stream_count(const std::string& broker, const std::string& topic) {
  const bench::stopwatch watch;
  const std::unique_ptr<mr::testing::stream_fixture> s(fixture());
  std::int64_t seen = 0;
  s->streaming().stream(source(broker, topic)).for_each_rdd([&](const auto& batch) {
    seen += batch.count();
  });
  while (seen < records) s->advance();
  bench::agree("records", seen, records);
  return static_cast<double>(records) / watch.seconds() / 1e6;
}

double word_count(const std::string& broker, const std::string& from, const std::string& to) {
  const bench::stopwatch watch;
  const std::unique_ptr<mr::testing::stream_fixture> s(fixture());
  auto in = s->streaming().stream(source(broker, from));
  in.map([](const mr::kafka::record& r) { return r.value; })
      .flat_map(mr::words())
      .map([](std::string_view word) { return std::pair{word, 1}; })
      .reduce_by_key(std::plus<>{})
      .write(mr::kafka::topic{.brokers = broker, .name = to});
  for (int i = 0; i < 12; ++i) s->advance();
  return static_cast<double>(records * words_a_line) / watch.seconds() / 1e6;
}

/// From when a word was due until it is in the output topic, on an open loop.
void delays(const std::string& broker, mr::kafka::delivery delivery,
            std::chrono::milliseconds batch, const char* name) {
  const mr::testing::kafka_side side(broker);
  const std::string from = mr::testing::new_topic_name("due");
  const std::string to = mr::testing::new_topic_name("counted");
  side.create(from, partitions);
  side.create(to, partitions);
  mr::streaming_context ssc{{.name = from, .master = "local[2]", .batch = batch}};
  ssc.stream(source(broker, from))
      .map([](const mr::kafka::record& r) { return r.value; })
      .flat_map(mr::words())
      .map([](std::string_view word) { return std::pair{word, 1}; })
      .reduce_by_key(std::plus<>{})
      .write(mr::kafka::topic{.brokers = broker, .name = to, .delivery = delivery});
  ssc.start();

  constexpr auto warm = 5s;
  constexpr auto measured = 15s;
  constexpr int lines_a_second = 10'000;
  std::atomic<bool> over{false};
  const std::int64_t begin = now_us();
  std::thread load([&] {
    rd_kafka_t* const producer =
        client(RD_KAFKA_PRODUCER, broker, {{"linger.ms", "1"}, {"acks", "1"}});
    lines text;
    const std::int64_t all = lines_a_second * (warm + measured).count();
    for (std::int64_t i = 0; i < all; ++i) {
      const std::int64_t due = begin + i * 1'000'000 / lines_a_second;
      if (due > now_us()) std::this_thread::sleep_for(std::chrono::microseconds(due - now_us()));
      std::string line = text.next();
      if (i % 50 == 0) line += " @" + std::to_string(due);
      while (rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(from.c_str()),
                               RD_KAFKA_V_PARTITION(static_cast<int>(i % partitions)),
                               RD_KAFKA_V_VALUE(line.data(), line.size()),
                               RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                               RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(producer, 1);
      if (i % 100 == 0) rd_kafka_poll(producer, 0);
    }
    rd_kafka_flush(producer, 10'000);
    rd_kafka_destroy(producer);
    over = true;
  });
  rd_kafka_t* const consumer = consumer_of(broker, to);
  std::vector<double> ms;
  const std::int64_t probes = lines_a_second / 50 * measured.count();
  const bench::stopwatch watch;
  while (static_cast<std::int64_t>(ms.size()) < probes && watch.seconds() < 60) {
    rd_kafka_message_t* const m = rd_kafka_consumer_poll(consumer, 100);
    if (m == nullptr) continue;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR && m->key_len > 1 &&
        *static_cast<const char*>(m->key) == '@') {
      const std::int64_t due =
          std::stoll(std::string(static_cast<const char*>(m->key) + 1, m->key_len - 1));
      if (due >= begin + std::chrono::microseconds(warm).count())
        ms.push_back(static_cast<double>(now_us() - due) / 1000);
    }
    rd_kafka_message_destroy(m);
  }
  load.join();
  ssc.stop();
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  if (ms.empty()) throw std::runtime_error("no word that was due came out");
  std::printf(
      "{\"workload\": \"kafka_delay\", \"system\": \"millrace, %s, batches of %d ms\", \"metric\": "
      "\"due to output topic at 100,000 words/s\", \"p50\": %.1f, \"p99\": %.1f, \"unit\": \"ms\", "
      "\"probes\": %zu, \"of\": %lld}\n",
      name, static_cast<int>(batch.count()), bench::percentile(ms, 0.5),
      bench::percentile(ms, 0.99), ms.size(), static_cast<long long>(probes));
  std::fflush(stdout);
}

void measure() {
  // As a broker runs elsewhere, not as the tests have it.
  ::setenv("MILLRACE_KAFKA_JAVA_OPTIONS", "-Xms512m -Xmx1g -XX:+UseG1GC", 0);
  const mr::testing::kafka_broker broker;
  const mr::testing::kafka_side side(broker.address());
  side.create("lines", partitions);
  lines text;
  for (std::int64_t sent = 0; sent < records;) {
    std::vector<std::string> some;
    for (int i = 0; i < 100'000; ++i, ++sent) some.push_back(text.next());
    side.send_values("lines", some, partitions);
  }

  bench::contest count("kafka_count", {{"records", "M/s", bench::better::higher}});
  count.add("millrace stream", [&] { return std::vector{stream_count(broker.address(), "lines")}; },
            {"bare consumer"});
  count.add("bare consumer", [&] { return std::vector{bare_count(broker.address(), "lines")}; });
  count.run();

  bench::contest words("kafka_word_count", {{"words, exactly once", "M/s", bench::better::higher}});
  words.add("millrace", [&] {
    const std::string to = mr::testing::new_topic_name("counts");
    side.create(to, partitions);
    return std::vector{word_count(broker.address(), "lines", to)};
  });
  words.run();

  delays(broker.address(), mr::kafka::delivery::at_least_once, 5ms, "at least once");
  delays(broker.address(), mr::kafka::delivery::exactly_once, 50ms, "exactly once");
}

}  // namespace

int main() { return bench::run_program(measure); }
