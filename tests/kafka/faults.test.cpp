// Brokers that die, stall and refuse: nothing is lost and nothing is there twice.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <random>
#include <string>
#include <thread>

#include "connectors/kafka/waiting_messages.hpp"
#include "millrace/error.hpp"
#include "millrace/kafka.hpp"
#include "millrace/testing.hpp"
#include "shared_broker.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace testing;

/// What is missing of 0 … n - 1, and what is there too often: the oracle.
std::pair<std::int64_t, std::int64_t> lost_and_duplicated(const std::vector<std::string>& values,
                                                          std::size_t n) {
  std::vector<int> times(n, 0);
  for (const std::string& value : values) ++times.at(std::stoul(value));
  std::int64_t lost = 0;
  std::int64_t duplicated = 0;
  for (const int t : times) {
    lost += t == 0 ? 1 : 0;
    duplicated += std::max(t - 1, 0);
  }
  return {lost, duplicated};
}
constexpr std::pair<std::int64_t, std::int64_t> none{0, 0};

std::vector<std::string> numbers(std::size_t n) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < n; ++i) all.push_back(std::to_string(i));
  return all;
}

detail::kafka::prepared staged(std::size_t from, std::size_t to) {
  detail::kafka::staged_messages some;
  for (std::size_t i = from; i < to; ++i) some.add({std::nullopt, std::to_string(i), -1, 0});
  auto all = std::make_shared<detail::kafka::waiting_messages>(detail::task_memory{});
  all->add(some);
  return {all, nullptr};
}

output_id batch_of(const std::string& application, int seconds) {
  return {application, "write", batch_time(std::chrono::seconds(seconds)), -1, 0};
}

TEST(KafkaFaults, a_broker_that_dies_in_mid_transaction_costs_and_doubles_nothing) {
  kafka_broker broker;
  const kafka_side side(broker.address());
  side.create("out", 4);
  // The shorter one is over before the broker is back: the transaction is aborted by the broker,
  // and the producer can't be used any more.
  for (const char* const timeout : {"60000", "2000"}) {
    const std::string application = new_topic_name("killed");
    const kafka::topic sink{.brokers = broker.address(),
                            .name = "out",
                            .settings = {{"transaction.timeout.ms", timeout}}};
    const std::size_t before = side.values("out").size();
    constexpr std::size_t size = 60'000;
    for (int batch = 1; batch <= 3; ++batch) {
      const std::size_t from = before + size * static_cast<std::size_t>(batch - 1);
      ASSERT_FALSE(sink.committed(batch_of(application, batch)));
      auto committing = std::async(std::launch::async, [&, from, batch] {
        sink.commit(batch_of(application, batch), {staged(from, from + size)});
      });
      if (batch == 2) {
        // Some of it has arrived, but is not committed.
        ASSERT_TRUE(eventually([&] {
          std::int64_t all = 0;
          for (int p = 0; p < 4; ++p) all += side.end_offset("out", p);
          return all > static_cast<std::int64_t>(from + size / 20);
        }));
        broker.kill();
        broker.start();
      }
      committing.get();
    }
    EXPECT_EQ(lost_and_duplicated(side.values("out"), before + 3 * size), none) << timeout;
  }
}

TEST(KafkaFaults, a_stream_from_topic_to_topic_stalls_while_the_broker_is_away_and_catches_up) {
  kafka_broker broker;
  const kafka_side side(broker.address());
  constexpr std::size_t n = 60'000;  // three batches and more
  side.create("in", 2);
  side.create("out", 2);
  side.send_values("in", numbers(n), 2);
  stream_fixture s{{.name = "stalled",
                    .master = "local[2]",
                    .batch = 100ms,
                    .conf = {{"streaming.receiver.maxRate", "50000"}}}};
  s.streaming()
      .stream(kafka::topics{.brokers = broker.address(),
                            .names = {"in"},
                            .group = "watched",
                            .start = kafka::earliest})
      .map([](const kafka::record& r) { return std::string(r.value); })
      .write(kafka::topic{.brokers = broker.address(), .name = "out"});
  s.advance();
  std::atomic<bool> over{false};
  // This thread starts the brokers, since they end with the thread that started them.
  auto running = std::async(std::launch::async, [&] {
    while (!over) s.advance();
  });
  std::minstd_rand random(7);
  for (int i = 0; i < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 300));
    broker.kill();
    broker.start();
  }
  broker.freeze();  // no connection breaks, but nothing is answered
  std::this_thread::sleep_for(2s);
  broker.thaw();
  over = true;
  running.get();
  EXPECT_TRUE(eventually([&] {
    s.advance();
    return side.values("out").size() >= n;
  }));
  EXPECT_EQ(lost_and_duplicated(side.values("out"), n), none);
  side.send_values("in", {std::to_string(n)});
  ASSERT_TRUE(eventually([&] {
    s.advance();
    return side.values("out").size() == n + 1;
  }));
}

TEST(KafkaFaults, records_that_do_not_come_fail_their_task_when_patience_is_at_its_end) {
  kafka_broker broker;
  const kafka_side side(broker.address());
  side.create("in", 1);
  side.send_values("in", numbers(10));
  stream_fixture s{{.batch = 100ms}};
  kafka::topics source{.brokers = broker.address(), .names = {"in"}, .start = kafka::earliest};
  source.patience = 1s;
  bool killed = false;
  s.streaming()
      .stream(source)
      .transform([&](const rdd<kafka::record>& batch) {
        if (!killed) broker.kill();  // the range is named, and nothing was fetched
        killed = true;
        return batch;
      })
      .count()
      .for_each_rdd([](const rdd<std::int64_t>& all) { (void)all.collect(); });
  try {
    s.advance();
    FAIL();
  } catch (const std::exception& e) {
    EXPECT_NE(describe(e).find("nothing came for 1000 ms"), std::string::npos) << describe(e);
  }
}

TEST(KafkaFaults, nobody_answers_and_batches_are_empty_until_someone_does) {
  kafka_broker broker;
  const kafka_side side(broker.address());
  side.create("in", 1);
  side.send_values("in", numbers(10));
  broker.kill();
  stream_fixture s{{.batch = 100ms}};
  auto seen =
      s.collect(s.streaming()
                    .stream(kafka::topics{
                        .brokers = broker.address(), .names = {"in"}, .start = kafka::earliest})
                    .count());
  s.advance();
  broker.start();
  ASSERT_TRUE(eventually([&] {
    s.advance();
    return seen.batches()[seen.batches().size() - 1] == std::vector<std::int64_t>{10};
  }));
}

}  // namespace
}  // namespace millrace
