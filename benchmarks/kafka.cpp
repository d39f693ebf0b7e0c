// Kafka on this machine: a stream's count beside a bare consumer of librdkafka; words counted from
// topic to topic, and how soon a word that is due is counted in the output topic, beside Kafka
// Streams where a JDK is installed. Broker, load and stream share the processors, so only ratios
// and orders of magnitude mean something.
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker.hpp"
#include "kafka/load.hpp"
#include "kafka/streams.hpp"
#include "measure.hpp"
#include "millrace/kafka.hpp"
#include "millrace/testing.hpp"

using namespace std::chrono_literals;
namespace mr = millrace;

namespace {

constexpr std::int64_t records = 1'500'000;

/// A new name each time.
std::string topic_name(const char* what) {
  static int number = 0;
  return what + std::to_string(++number);
}

double bare_count(const std::string& broker, const std::string& topic) {
  const bench::stopwatch watch;
  bench::kafka_reader reader(broker, topic);
  std::int64_t seen = 0;
  while (seen < records) seen += reader.read(100ms, [](const rd_kafka_message_t&) {});
  return static_cast<double>(records) / watch.seconds() / 1e6;
}

mr::kafka::topics source(const std::string& broker, const std::string& topic) {
  return {.brokers = broker, .names = {topic}, .start = mr::kafka::earliest};
}

/// Ten batches of a tenth each.
mr::testing::stream_fixture* fixture() {
  return new mr::testing::stream_fixture(
      {.name = topic_name("bench"),
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

/// Counts the records of batches that are done.
class progress : public mr::streaming_listener {
 public:
  void batch_completed(const mr::batch_info& batch) override {
    const std::lock_guard lock(mutex_);
    done_ += batch.num_records;
    if (batch.num_records != 0) ++batches_;
    changed_.notify_all();
  }
  /// How many batches that took.
  int wait_for(std::int64_t all) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_ >= all; });
    return batches_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t done_ = 0;
  int batches_ = 0;
};

/// Batches of 100 ms on the machine's clock, exactly once. As many lines a batch as `rate` allows.
double word_count(const std::string& broker, const std::string& from, const std::string& to,
                  std::int64_t rate) {
  mr::streaming_context ssc{{.name = to,
                             .master = "local[2]",
                             .batch = 100ms,
                             .conf = {{"streaming.receiver.maxRate", std::to_string(rate)}}}};
  const auto seen = std::make_shared<progress>();
  ssc.add_listener(seen);
  ssc.stream(source(broker, from))
      .map([](const mr::kafka::record& r) { return r.value; })
      .flat_map(mr::words())
      .map([](std::string_view word) { return std::pair{word, 1}; })
      .reduce_by_key(std::plus<>{})
      .write(mr::kafka::topic{.brokers = broker, .name = to});
  const bench::stopwatch watch;
  ssc.start();
  const int batches = seen->wait_for(records);
  const double seconds = watch.seconds();
  ssc.stop();
  std::fprintf(stderr, "%s: %d batches, %.1f lines each\n", to.c_str(), batches,
               static_cast<double>(records) / batches);
  return static_cast<double>(records * bench::words_a_line) / seconds / 1e6;
}

constexpr auto warm = 5s;
constexpr auto measured = 10s;
/// Until a Kafka Streams has started and compiled itself.
constexpr auto warm_streams = 60s;

/// p50 and p99; all of it goes to the standard error.
std::vector<double> summary(const std::string& system, const bench::kafka_delays& all) {
  const double p50 = bench::percentile(all.delay, 0.5);
  const double p99 = bench::percentile(all.delay, 0.99);
  std::fprintf(stderr,
               "%s: p50 %.1f ms, p99 %.1f ms, most %.1f ms; sent late p50 %.1f ms, p99 %.1f ms\n",
               system.c_str(), p50, p99, bench::percentile(all.delay, 1),
               bench::percentile(all.late, 0.5), bench::percentile(all.late, 0.99));
  return {p50, p99};
}

/// Where words are due, and where they are counted.
struct delay_topics {
  explicit delay_topics(const std::string& broker) {
    const mr::testing::kafka_side side(broker);
    side.create(from, bench::kafka_partitions);
    side.create(to, bench::kafka_partitions);
  }
  std::string from = topic_name("due");
  std::string to = topic_name("counted");
};

std::vector<double> delays(const std::string& broker, mr::kafka::delivery delivery,
                           std::chrono::milliseconds batch) {
  const delay_topics topics(broker);
  mr::streaming_context ssc{{.name = topics.from, .master = "local[2]", .batch = batch}};
  ssc.stream(source(broker, topics.from))
      .map([](const mr::kafka::record& r) { return r.value; })
      .flat_map(mr::words())
      .map([](std::string_view word) { return std::pair{word, 1}; })
      .reduce_by_key(std::plus<>{})
      .write(mr::kafka::topic{.brokers = broker, .name = topics.to, .delivery = delivery});
  ssc.start();
  const auto all = bench::kafka_open_loop(broker, topics.from, topics.to, warm, measured);
  ssc.stop();
  return summary("millrace, " + std::to_string(batch.count()) + " ms", all);
}

/// One Kafka Streams for all rounds, since it compiles itself for longer than a round is.
class delays_of_streams {
 public:
  delays_of_streams(std::string broker, bool exactly_once)
      : broker_(std::move(broker)),
        topics_(broker_),
        beside_(broker_, topics_.from, topics_.to,
                {.exactly_once = exactly_once,
                 .commit = exactly_once ? 100ms : 30'000ms,
                 .soon = true}) {
    (void)run(warm_streams);
  }

  std::vector<double> run(std::chrono::seconds before = warm) {
    beside_.thaw();
    const auto all = bench::kafka_open_loop(broker_, topics_.from, topics_.to, before, measured);
    std::this_thread::sleep_for(1s);  // so that it has committed all
    beside_.freeze();
    return summary("Kafka Streams", all);
  }

 private:
  std::string broker_;
  delay_topics topics_;
  bench::kafka_streams beside_;
};

/// Of one way of delivery, in batches of these.
void measure_delays(const std::string& broker, bool streams, mr::kafka::delivery delivery,
                    const char* workload, const std::vector<std::chrono::milliseconds>& batches) {
  bench::contest contest(workload, {{"due to output topic, p50", "ms", bench::better::lower},
                                    {"due to output topic, p99", "ms", bench::better::lower}});
  std::optional<delays_of_streams> beside;
  if (streams) beside.emplace(broker, delivery == mr::kafka::delivery::exactly_once);
  for (const auto batch : batches)
    contest.add(
        "millrace, batches of " + std::to_string(batch.count()) + " ms",
        [&, delivery, batch] { return delays(broker, delivery, batch); },
        streams ? std::vector<std::string>{"Kafka Streams"} : std::vector<std::string>{});
  if (streams) contest.add("Kafka Streams", [&] { return beside->run(); });
  contest.run();
}

void fill(const std::string& broker, const std::string& topic) {
  const mr::testing::kafka_side side(broker);
  side.create(topic, bench::kafka_partitions);
  bench::kafka_lines text;
  for (std::int64_t sent = 0; sent < records;) {
    std::vector<std::string> some;
    for (int i = 0; i < 100'000; ++i, ++sent) some.push_back(text.next());
    side.send_values(topic, some, bench::kafka_partitions);
  }
}

void measure_throughput(const std::string& broker, bool streams) {
  fill(broker, "lines");
  bench::contest count("kafka_count", {{"records", "M/s", bench::better::higher}});
  count.add("millrace stream", [&] { return std::vector{stream_count(broker, "lines")}; },
            {"bare consumer"});
  count.add("bare consumer", [&] { return std::vector{bare_count(broker, "lines")}; });
  count.run();

  bench::contest words("kafka_word_count",
                       {{"words, exactly once, batches of 100 ms", "M/s", bench::better::higher}});
  const auto to = [&] {
    std::string name = topic_name("counts");
    mr::testing::kafka_side(broker).create(name, bench::kafka_partitions);
    return name;
  };
  for (const std::int64_t rate : {300'000, 600'000}) {
    words.add(
        "millrace, at most " + std::to_string(rate / 100'000) + " M words/s",
        [&, rate] { return std::vector{word_count(broker, "lines", to(), rate)}; },
        streams ? std::vector<std::string>{"Kafka Streams"} : std::vector<std::string>{});
  }
  if (streams)
    words.add("Kafka Streams", [&] {
      bench::kafka_streams beside(broker, "lines", to(),
                                  {.exactly_once = true, .commit = 100ms, .cache_bytes = 10 << 20});
      // It needs a while to compile itself, and the lines last for about a minute.
      return std::vector{beside.words_a_second(20s, 35s) / 1e6};
    });
  words.run();
}

void measure(const std::vector<std::string>& parts) {
  // As the script that comes with Kafka starts a broker, not as the tests have it.
  ::setenv("MILLRACE_KAFKA_JAVA_OPTIONS",
           "-Xms1g -Xmx1g -XX:+UseG1GC -XX:MaxGCPauseMillis=20 "
           "-XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent "
           "-XX:MaxInlineLevel=15",
           0);
  const mr::testing::kafka_broker broker;
  const bool streams = bench::kafka_streams::available();
  if (!streams) std::fprintf(stderr, "without Kafka Streams: no javac (openjdk-17-jdk-headless)\n");
  const auto wanted = [&](const char* part) {
    return parts.empty() || std::find(parts.begin(), parts.end(), part) != parts.end();
  };
  if (wanted("throughput")) measure_throughput(broker.address(), streams);
  if (wanted("at_least_once"))
    measure_delays(broker.address(), streams, mr::kafka::delivery::at_least_once,
                   "kafka_delay_at_least_once", {2ms, 5ms});
  if (wanted("exactly_once"))
    measure_delays(broker.address(), streams, mr::kafka::delivery::exactly_once,
                   "kafka_delay_exactly_once", {50ms});
}

}  // namespace

/// kafka [throughput|at_least_once|exactly_once]…
int main(int argc, char** argv) {
  return bench::run_program([&] { measure({argv + 1, argv + argc}); });
}
