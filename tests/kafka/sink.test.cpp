// Streams into a topic of a real broker: what arrives, and how often.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <numeric>
#include <set>
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

using strings = std::vector<std::string>;

class KafkaSink : public ::testing::Test {
 protected:
  kafka::topic sink(kafka::delivery how = kafka::delivery::exactly_once) const {
    return {.brokers = shared_broker().address(), .name = topic, .delivery = how};
  }
  strings sorted_values(bool committed = true) const {
    strings all = side.values(topic, committed);
    std::sort(all.begin(), all.end());
    return all;
  }
  kafka_side side{shared_broker().address()};
  std::string topic = new_topic_name("out");
  /// No other test's transactions have this name.
  std::string application = new_topic_name("application");
};

TEST_F(KafkaSink, rows_of_all_kinds_are_sent) {
  side.create(topic, 1);
  stream_fixture s{{.name = application, .batch = 1s}};
  auto pairs = s.input<std::pair<std::string, int>>();
  auto texts = s.input<std::string>();
  auto messages = s.input<kafka::message>();
  auto tombstones = s.input<std::pair<std::string, std::optional<std::string>>>();
  pairs.write(sink());
  texts.write(sink());
  messages.write(sink());
  tombstones.write(sink());
  s.feed(pairs, {{{"a", 1}}});
  s.feed(texts, {{"text"}});
  s.feed(tombstones, {{{"gone", std::nullopt}, {"empty", ""}}});
  s.feed(messages,
         {{{.key = "k",
            .value = std::nullopt,
            .headers = {{"h", "1"}, {"i", ""}},
            .timestamp = std::chrono::sys_time<std::chrono::milliseconds>(1'700'000'000'000ms)}}});
  s.run();
  const auto all = side.read(topic);
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[0].key, "a");
  EXPECT_EQ(all[0].value, "1");
  EXPECT_EQ(all[1].key, std::nullopt);
  EXPECT_EQ(all[1].value, "text");
  EXPECT_EQ(all[2].key, "k");
  EXPECT_EQ(all[2].value, std::nullopt);
  EXPECT_EQ(all[2].timestamp, 1'700'000'000'000);
  ASSERT_EQ(all[2].headers.size(), 2U);
  EXPECT_EQ(all[2].headers[0], (std::pair<std::string, std::optional<std::string>>("h", "1")));
  EXPECT_EQ(all[2].headers[1], (std::pair<std::string, std::optional<std::string>>("i", "")));
  EXPECT_EQ(all[3].key, "gone");
  EXPECT_EQ(all[3].value, std::nullopt);
  EXPECT_EQ(all[4].value, "");
}

TEST_F(KafkaSink, records_that_were_read_are_sent_on) {
  const std::string from = new_topic_name("in");
  side.create(from, 1);
  side.create(topic, 1);
  side.send(from, {{.key = "k",
                    .value = "v",
                    .headers = {{"a", "b"}, {"n", std::nullopt}},
                    .timestamp = 1'700'000'000'000},
                   {.value = std::nullopt}});
  stream_fixture s{{.name = application, .batch = 10s}};
  s.streaming()
      .stream(kafka::topics{
          .brokers = shared_broker().address(), .names = {from}, .start = kafka::earliest})
      .write(sink());
  s.advance();
  const auto all = side.read(topic);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].key, "k");
  EXPECT_EQ(all[0].value, "v");
  EXPECT_EQ(all[0].timestamp, 1'700'000'000'000);
  EXPECT_EQ(all[0].headers.size(), 2U);
  EXPECT_EQ(all[1].key, std::nullopt);
  EXPECT_EQ(all[1].value, std::nullopt);
}

TEST_F(KafkaSink, a_batch_is_one_transaction_and_an_empty_one_is_none) {
  side.create(topic, 1);
  stream_fixture s{{.name = application, .batch = 1s}};
  auto in = s.input<std::string>();
  in.write(sink());
  s.feed(in, {{"a", "b", "c"}, {}, {"d"}});
  s.run();
  EXPECT_EQ(side.values(topic), (strings{"a", "b", "c", "d"}));
  // Each transaction ends with a mark that takes an offset.
  EXPECT_EQ(side.end_offset(topic, 0), 4 + 2);
}

TEST_F(KafkaSink, at_least_once_is_acknowledged_when_the_batch_is_done) {
  side.create(topic, 3);
  stream_fixture s{{.name = application, .batch = 1s}};
  auto in = s.input<std::pair<std::int64_t, std::string>>();
  in.write(sink(kafka::delivery::at_least_once));
  std::vector<std::pair<std::int64_t, std::string>> rows;
  for (std::int64_t i = 0; i < 20'000; ++i) rows.emplace_back(i % 100, std::to_string(i));
  s.feed(in, {rows});
  s.run();
  std::map<std::string, std::set<int>> partitions;
  strings found;
  for (const auto& m : side.read(topic)) {
    found.push_back(*m.value);
    partitions[*m.key].insert(m.partition);
  }
  EXPECT_EQ(found.size(), rows.size());
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), rows.size());
  EXPECT_EQ(partitions.size(), 100U);
  for (const auto& one : partitions) EXPECT_EQ(one.second.size(), 1U) << one.first;
}

TEST_F(KafkaSink, keys_go_to_the_partitions_of_kafkas_own_clients) {
  side.create(topic, 10);
  stream_fixture s{{.name = application, .batch = 1s}};
  auto in = s.input<std::pair<std::string, std::string>>();
  in.write(sink());
  s.feed(in, {{{"apple", ""}, {"banana", ""}, {"cherry", ""}}});
  s.run();
  std::map<std::string, int> partitions;
  for (const auto& m : side.read(topic)) partitions[*m.key] = m.partition;
  // By Java's org.apache.kafka.common.utils.Utils.murmur2, positive, modulo 10.
  EXPECT_EQ(partitions, (std::map<std::string, int>{{"apple", 7}, {"banana", 9}, {"cherry", 7}}));
}

/// The batch as the engine names it.
output_id batch_of(const std::string& application, int seconds) {
  return {application, "write", batch_time(std::chrono::seconds(seconds)), -1, 0};
}

detail::kafka::prepared staged(const strings& values) {
  detail::kafka::staged_messages some;
  for (const std::string& value : values) some.add({std::nullopt, value, -1, 0});
  auto all = std::make_shared<detail::kafka::waiting_messages>(detail::task_memory{});
  all->add(some);
  return {all, nullptr};
}

TEST_F(KafkaSink, a_batch_that_is_committed_again_is_there_once) {
  side.create(topic, 1);
  {
    const kafka::topic first = sink();
    EXPECT_FALSE(first.committed(batch_of(application, 1)));
    first.commit(batch_of(application, 1), {staged({"a"}), staged({"b"})});
    first.commit(batch_of(application, 1), {staged({"a"}), staged({"b"})});
    EXPECT_TRUE(first.committed(batch_of(application, 1)));
    EXPECT_FALSE(first.committed(batch_of(application, 2)));
  }
  const kafka::topic again = sink();  // the program was started again
  EXPECT_TRUE(again.committed(batch_of(application, 1)));
  again.commit(batch_of(application, 1), {staged({"a"}), staged({"b"})});
  EXPECT_FALSE(again.committed(batch_of(application, 2)));
  again.commit(batch_of(application, 2), {staged({"c"})});
  EXPECT_EQ(side.values(topic), (strings{"a", "b", "c"}));
  EXPECT_EQ(side.group_offset("millrace." + application + ".write", topic, 0), 2000);
}

TEST_F(KafkaSink, a_transaction_that_was_left_open_is_aborted_and_done_again) {
  side.create(topic, 1);
  {
    // A program of the same name died in mid transaction: here librdkafka alone.
    char why[256];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", shared_broker().address().c_str(), why,
                      sizeof why);
    rd_kafka_conf_set(conf, "transactional.id", ("millrace." + application + ".write").c_str(), why,
                      sizeof why);
    rd_kafka_t* dying = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    ASSERT_EQ(rd_kafka_init_transactions(dying, 30'000), nullptr);
    ASSERT_EQ(rd_kafka_begin_transaction(dying), nullptr);
    ASSERT_EQ(rd_kafka_producev(dying, RD_KAFKA_V_TOPIC(topic.c_str()),
                                RD_KAFKA_V_VALUE(const_cast<char*>("a"), 1),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
              RD_KAFKA_RESP_ERR_NO_ERROR);
    ASSERT_EQ(rd_kafka_flush(dying, 30'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(dying);
  }
  const kafka::topic again = sink();
  EXPECT_FALSE(again.committed(batch_of(application, 1)));
  again.commit(batch_of(application, 1), {staged({"a"})});
  EXPECT_EQ(side.values(topic), (strings{"a"}));
  EXPECT_EQ(side.values(topic, false), (strings{"a", "a"}));
}

TEST_F(KafkaSink, of_two_programs_of_one_name_the_first_ends) {
  side.create(topic, 1);
  const kafka::topic first = sink();
  first.commit(batch_of(application, 1), {staged({"a"})});
  const kafka::topic second = sink();
  EXPECT_TRUE(second.committed(batch_of(application, 1)));
  second.commit(batch_of(application, 2), {staged({"b"})});
  try {
    first.commit(batch_of(application, 3), {staged({"zombie"})});
    FAIL();
  } catch (const error& e) {
    EXPECT_NE(std::string(e.what()).find("another program of the same name"), std::string::npos)
        << e.what();
  }
  second.commit(batch_of(application, 4), {staged({"c"})});
  EXPECT_EQ(side.values(topic), (strings{"a", "b", "c"}));
}

TEST_F(KafkaSink, what_the_broker_refuses_fails_the_batch_at_once) {
  side.create(topic, 1, {{"max.message.bytes", "1000"}});
  const std::string large(10'000, 'x');
  EXPECT_THROW(sink().commit(batch_of(application, 1), {staged({large})}), error);
  stream_fixture s{{.name = application, .batch = 1s}};
  auto in = s.input<std::string>();
  in.write(sink(kafka::delivery::at_least_once));
  s.feed(in, {{large}});
  EXPECT_THROW(s.run(), stream_error);
  kafka::topic nowhere = sink();
  nowhere.name = new_topic_name("missing");
  nowhere.patience = 3s;
  EXPECT_THROW(nowhere.commit(batch_of(application, 2), {staged({"a"})}), error);
  EXPECT_TRUE(side.values(topic).empty());
}

TEST_F(KafkaSink, messages_are_compressed_as_the_program_says) {
  side.create(topic, 1);
  strings expected;
  for (const char* const codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    kafka::topic to = sink();
    to.settings = {{"compression.type", codec}};
    strings some;
    for (int i = 0; i < 50; ++i) some.push_back(std::string(1000, 'x') + codec);
    to.commit(batch_of(application + codec, 1), {staged(some)});
    expected.insert(expected.end(), some.begin(), some.end());
  }
  EXPECT_EQ(side.values(topic), expected);
}

TEST_F(KafkaSink, a_batch_larger_than_its_share_of_memory_goes_by_the_disk) {
  side.create(topic, 3);
  stream_fixture s{
      {.name = application, .master = "local[2]", .batch = 1s, .conf = {{"memory.budget", "16m"}}}};
  auto in = s.input<std::string>();
  std::int64_t on_disk = 0;
  class listener : public streaming_listener {
   public:
    explicit listener(std::int64_t& to) : to_(to) {}
    void measured(const measurement_info& info) override {
      for (const auto& [name, value] : info.numbers)
        if (name == "partitions_on_disk") to_ += value;
    }
    std::int64_t& to_;
  };
  s.streaming().add_listener(std::make_shared<listener>(on_disk));
  in.flat_map([](const std::string& seed) {
      strings many;
      for (int i = 0; i < 10'000; ++i)
        many.push_back(seed + std::to_string(i) + std::string(500, '.'));
      return many;
    }).write(sink());
  s.feed(in, {{"a", "b", "c", "d"}});
  s.run();
  std::set<std::string> found;
  std::size_t all = 0;
  for (const std::string& value : side.values(topic)) {
    found.insert(value.substr(0, value.find('.')));
    ++all;
  }
  EXPECT_EQ(all, 40'000U);
  EXPECT_EQ(found.size(), 40'000U);
  s.streaming().stop();  // and with it the events
  EXPECT_GT(on_disk, 0);
}

TEST_F(KafkaSink, messages_of_ten_megabytes_pass) {
  side.create(topic, 1, {{"max.message.bytes", "20000000"}});
  // NOLINTNEXTLINE(bugprone-string-constructor): so long it is meant
  sink().commit(batch_of(application, 1), {staged({std::string(10'000'000, 'x')})});
  EXPECT_EQ(side.values(topic)[0].size(), 10'000'000U);
}

}  // namespace
}  // namespace millrace
