// Wires that are cut, slow, or swallow what they are given: nothing is lost, nothing is there
// twice.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>
#include <string>
#include <thread>

#include "fault/records.hpp"
#include "millrace/error.hpp"
#include "millrace/kafka.hpp"
#include "millrace/testing.hpp"
#include "shared_broker.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace testing;

constexpr int partitions = 2;

/// A stream from topic to topic over the wire, in batches of 50 ms, while a test hurts the wire.
class KafkaWire : public ::testing::Test {
 protected:
  void TearDown() override {
    wire().swallow(false);
    wire().delay(0ms);
    wire().cut_after(0, 0);
  }

  /// Of each key in order, in the partition of the key.
  void send_records(std::int64_t total) {
    side.create(in, partitions);
    side.create(out, partitions);
    std::vector<kafka_message> all;
    for (std::int64_t i = 0; i < total; ++i) {
      const fault::record r = fault::record_at(i);
      kafka_message m;
      m.key = std::to_string(r.key);
      m.value = fault::line_of(r);
      m.partition = static_cast<int>(r.key % partitions);
      all.push_back(std::move(m));
    }
    side.send(in, all);
  }

  void build(stream_fixture& s, kafka::delivery delivery) const {
    kafka::topics from{.brokers = wire_address(), .names = {in}, .start = kafka::earliest};
    kafka::topic to{.brokers = wire_address(), .name = out, .delivery = delivery};
    // A wire that swallows everything is given up after this time, else after a minute.
    from.settings = to.settings = {{"socket.timeout.ms", "3000"}};
    s.streaming()
        .stream(from)
        .map([](const kafka::record& r) {
          return kafka::message{
              .key = std::string(r.key), .value = std::string(r.value), .partition = r.partition};
        })
        .write(to);
  }

  /// Runs batches while `hurt` does what it does, and after it until all is there.
  template <class Hurt>
  fault::verdict run(std::int64_t total, kafka::delivery delivery, const Hurt& hurt) {
    send_records(total);
    // About thirty batches.
    stream_fixture s{{.name = in,
                      .master = "local[2]",
                      .batch = 50ms,
                      .conf = {{"streaming.receiver.maxRate", std::to_string(total * 20 / 30)}}}};
    build(s, delivery);
    s.advance();
    std::atomic<bool> over{false};
    auto running = std::async(std::launch::async, [&] {
      while (!over) s.advance();
    });
    hurt();
    TearDown();
    EXPECT_TRUE(
        eventually([&] { return static_cast<std::int64_t>(side.values(out).size()) >= total; }));
    over = true;
    running.get();
    fault::oracle judge(total);
    for (const std::string& line : side.values(out)) judge.line(line);
    return judge.judge();
  }

  kafka_side side{shared_broker().address()};
  std::string in = new_topic_name("wired");
  std::string out = new_topic_name("out");
};

/// Cut at any byte of a request or an answer, at once, or half.
void cut_often() {
  std::minstd_rand random(5);
  for (int i = 0; i < 12; ++i) {
    switch (i % 4) {
      case 0: wire().cut(); break;
      case 1: wire().cut_after(1 + random() % 20'000, 0); break;
      case 2: wire().cut_after(0, 1 + random() % 20'000); break;
      default: wire().end_answers(); break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100 + random() % 200));
    wire().cut_after(0, 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 200));
  }
}

TEST_F(KafkaWire, connections_that_are_cut_cost_and_double_nothing) {
  const int before = wire().cuts();
  const fault::verdict v = run(30'000, kafka::delivery::exactly_once, cut_often);
  EXPECT_GT(wire().cuts(), before);
  EXPECT_EQ(v.lost, 0);
  EXPECT_EQ(v.duplicated, 0);
  EXPECT_EQ(v.corrupted, 0);
  EXPECT_EQ(v.out_of_order, 0);
}

TEST_F(KafkaWire, at_least_once_connections_that_are_cut_cost_nothing) {
  const fault::verdict v = run(30'000, kafka::delivery::at_least_once, cut_often);
  EXPECT_EQ(v.lost, 0);
  EXPECT_EQ(v.corrupted, 0);
}

TEST_F(KafkaWire, a_slow_broker_is_waited_for) {
  const fault::verdict v = run(3'000, kafka::delivery::exactly_once, [] {
    wire().delay(700ms);
    std::this_thread::sleep_for(6s);
    wire().delay(150ms);
    std::this_thread::sleep_for(2s);
  });
  EXPECT_EQ(v.lost, 0);
  EXPECT_EQ(v.duplicated, 0);
  EXPECT_EQ(v.out_of_order, 0);
}

TEST_F(KafkaWire, a_wire_that_swallows_everything_is_left_for_another) {
  const fault::verdict v = run(30'000, kafka::delivery::exactly_once, [] {
    for (int i = 0; i < 2; ++i) {
      wire().swallow(true);
      std::this_thread::sleep_for(4s);
      wire().swallow(false);
      wire().cut();  // what was swallowed is gone
      std::this_thread::sleep_for(500ms);
    }
  });
  EXPECT_EQ(v.lost, 0);
  EXPECT_EQ(v.duplicated, 0);
  EXPECT_EQ(v.out_of_order, 0);
}

TEST_F(KafkaWire, a_stream_that_is_stopped_while_nobody_answers_ends) {
  for (const auto delivery : {kafka::delivery::exactly_once, kafka::delivery::at_least_once}) {
    in = new_topic_name("wired");
    out = new_topic_name("out");
    send_records(2'000);
    streaming_context ssc{{.name = in, .master = "local[2]", .batch = 50ms, .signals = false}};
    kafka::topics from{.brokers = wire_address(), .names = {in}, .start = kafka::earliest};
    std::atomic<int> batches{0};
    auto records = ssc.stream(from);
    records.map([](const kafka::record& r) { return std::string(r.value); })
        .transform([&](const rdd<std::string>& batch) {
          if (++batches == 3) wire().swallow(true);
          return batch;
        })
        .write(kafka::topic{.brokers = wire_address(), .name = out, .delivery = delivery});
    ssc.start();
    for (int i = 0; i < 5; ++i) side.send_values(in, {"more"}, partitions);
    ASSERT_TRUE(eventually([&] {
      side.send_values(in, {"more"}, partitions);
      return batches > 4;
    }));
    auto stopping = std::async(std::launch::async, [&] { ssc.stop(); });
    // Patience would be five minutes.
    EXPECT_EQ(stopping.wait_for(60s), std::future_status::ready);
    wire().swallow(false);
    stopping.get();
  }
}

}  // namespace
}  // namespace millrace
