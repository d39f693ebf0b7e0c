// Kafka streams against a real broker, on the manual clock.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <numeric>
#include <set>
#include <string>

#include "millrace/error.hpp"
#include "millrace/kafka.hpp"
#include "millrace/testing.hpp"
#include "shared_broker.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace testing;

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> all;
  for (int i = from; i < to; ++i) all.push_back(std::to_string(i));
  return all;
}

// Batches are long, though nobody waits for them on a manual clock: a busy broker has that long to
// answer before a batch is empty.

/// A stream whose partitions are found at once.
kafka::topics topics_of(const std::string& name) {
  return {.brokers = shared_broker().address(),
          .names = {name},
          .start = kafka::earliest,
          .discovery = 1ms};
}

std::string value_of(const kafka::record& r) { return std::string(r.value); }

/// What all batches gave, in order.
template <class T>
std::vector<T> flat(const testing::collected<T>& seen) {
  std::vector<T> all;
  for (const auto& batch : seen.batches()) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

class KafkaSource : public ::testing::Test {
 protected:
  kafka_side side{shared_broker().address()};
  std::string topic = new_topic_name();
};

TEST_F(KafkaSource, each_batch_reads_what_came_since_the_one_before) {
  side.create(topic, 1);
  side.send_values(topic, numbers(0, 5));
  stream_fixture s{{.batch = 10s}};
  auto seen = s.collect(s.streaming().stream(topics_of(topic)).map(value_of));
  s.advance();
  side.send_values(topic, numbers(5, 7));
  s.advance(2);
  EXPECT_EQ(seen.batches(),
            (std::vector<std::vector<std::string>>{numbers(0, 5), numbers(5, 7), {}}));
}

TEST_F(KafkaSource, a_record_has_its_key_value_headers_place_and_time) {
  side.create(topic, 2);
  side.send(topic, {{.key = "k",
                     .value = "v",
                     .headers = {{"trace", "abc"}, {"none", std::nullopt}},
                     .timestamp = 1'700'000'000'123,
                     .partition = 1},
                    {.key = std::nullopt, .value = std::nullopt, .partition = 1},
                    {.key = "", .value = "", .partition = 1}});
  stream_fixture s{{.batch = 10s}};
  auto seen = s.collect(s.streaming().stream(topics_of(topic)));
  s.advance();
  const auto rows = seen.batches()[0];
  ASSERT_EQ(rows.size(), 3U);
  const kafka::record& r = rows[0];
  EXPECT_EQ(r.key, "k");
  EXPECT_EQ(r.value, "v");
  EXPECT_FALSE(r.key_is_null || r.value_is_null);
  ASSERT_EQ(r.headers.size(), 2U);
  EXPECT_EQ(r.headers[0].name, "trace");
  EXPECT_EQ(r.headers[0].value, "abc");
  EXPECT_TRUE(r.headers[1].value_is_null);
  EXPECT_EQ(r.topic, topic);
  EXPECT_EQ(r.partition, 1);
  EXPECT_EQ(r.offset, 0);
  EXPECT_EQ(r.timestamp.time_since_epoch(), 1'700'000'000'123ms);
  EXPECT_TRUE(rows[1].key_is_null && rows[1].value_is_null);
  EXPECT_FALSE(rows[2].key_is_null || rows[2].value_is_null);
  EXPECT_TRUE(rows[2].key.empty() && rows[2].value.empty());
}

TEST_F(KafkaSource, offsets_are_known_behind_narrow_operations_and_not_behind_a_shuffle) {
  side.create(topic, 2);
  side.send_values(topic, numbers(0, 10), 2);
  stream_fixture s{{.batch = 10s}};
  std::vector<kafka::offset_range> found;
  auto words = s.streaming().stream(topics_of(topic)).map(value_of).filter([](const auto& v) {
    return v != "3";
  });
  words.for_each_rdd([&](const rdd<std::string>& batch) {
    found = kafka::offsets_of(batch.map([](const std::string& v) { return v.size(); }));
  });
  std::string refused;
  words.map([](const std::string& v) { return std::pair(v, 1); })
      .reduce_by_key(std::plus<>{})
      .for_each_rdd([&](const auto& batch) {
        try {
          (void)kafka::offsets_of(batch);
        } catch (const usage_error& e) {
          refused = e.what();
        }
      });
  s.advance();
  EXPECT_EQ(found, (std::vector<kafka::offset_range>{{topic, 0, 0, 5}, {topic, 1, 0, 5}}));
  EXPECT_NE(refused.find("narrow"), std::string::npos) << refused;
}

TEST_F(KafkaSource, ranges_are_read_as_a_dataset) {
  side.create(topic, 2);
  side.send_values(topic, numbers(0, 100), 2);
  context sc{{.name = "read", .master = "local[2]"}};
  auto some = kafka::read(sc, shared_broker().address(), {{topic, 1, 10, 20}, {topic, 0, 0, 3}});
  EXPECT_EQ(some.partitions(), 2);
  EXPECT_EQ(some.map(value_of).collect(),
            (std::vector<std::string>{"21", "23", "25", "27", "29", "31", "33", "35", "37", "39",
                                      "0", "2", "4"}));
  EXPECT_EQ(some.count(), 13);  // again, from where it was before
  EXPECT_EQ(kafka::offsets_of(some).size(), 2U);
}

TEST_F(KafkaSource, the_same_partition_is_read_by_two_tasks_at_once) {
  side.create(topic, 1);
  side.send_values(topic, numbers(0, 50));
  context sc{{.name = "read", .master = "local[2]"}};
  auto all = kafka::read(sc, shared_broker().address(), {{topic, 0, 0, 50}});
  EXPECT_EQ(all.cartesian(all).count(), 2500);
  EXPECT_EQ(all.union_with(all).map(value_of).collect().size(), 100U);
}

TEST_F(KafkaSource, starts_at_the_latest_where_the_context_starts) {
  side.create(topic, 1);
  side.send_values(topic, numbers(0, 5));
  stream_fixture s{{.batch = 10s}};
  auto source = topics_of(topic);
  source.start = kafka::latest;
  auto seen = s.collect(s.streaming().stream(source).map(value_of));
  s.advance();
  side.send_values(topic, numbers(5, 8));
  s.advance();
  EXPECT_EQ(flat(seen), numbers(5, 8));
}

TEST_F(KafkaSource, starts_at_offsets_and_at_a_time) {
  side.create(topic, 2);
  std::vector<kafka_message> all;
  for (int i = 0; i < 10; ++i) {
    kafka_message m;
    m.value = std::to_string(i);
    m.timestamp = 1'700'000'000'000 + i;
    m.partition = i % 2;
    all.push_back(std::move(m));
  }
  side.send(topic, all);
  stream_fixture s{{.batch = 10s}};
  auto source = topics_of(topic);
  source.start = kafka::offsets{{{topic, 0}, 4}};  // the other one from its beginning
  auto by_offset = s.collect(s.streaming().stream(source).map(value_of));
  source.start = kafka::timestamp{std::chrono::system_clock::time_point(1'700'000'000'007ms)};
  auto by_time = s.collect(s.streaming().stream(source).map(value_of));
  source.start =
      kafka::timestamp{std::chrono::sys_time<std::chrono::milliseconds>(1'800'000'000'000ms)};
  auto never = s.collect(s.streaming().stream(source).map(value_of));
  s.advance();
  EXPECT_EQ(flat(by_offset), (std::vector<std::string>{"8", "1", "3", "5", "7", "9"}));
  EXPECT_EQ(flat(by_time), (std::vector<std::string>{"8", "7", "9"}));
  EXPECT_TRUE(flat(never).empty());
}

TEST_F(KafkaSource, partitions_and_topics_that_are_added_are_read_from_their_beginning) {
  side.create(topic + "-a", 1);
  stream_fixture s{{.batch = 10s}};
  auto source = topics_of(topic);
  source.names.clear();
  source.pattern = topic + "-[a-z]";
  source.start = kafka::latest;
  auto seen = s.collect(s.streaming().stream(source).map(value_of));
  s.advance();
  side.add_partitions(topic + "-a", 2);
  side.create(topic + "-b", 1);
  side.create(topic + "-0", 1);  // does not match
  ASSERT_TRUE(eventually([&] {
    try {
      side.send(topic + "-a", {{.value = "added partition", .partition = 1}});
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
  side.send_values(topic + "-b", {"added topic"});
  side.send_values(topic + "-0", {"no"});
  ASSERT_TRUE(eventually([&] {
    s.advance();
    return flat(seen).size() >= 2;
  }));
  const auto all = flat(seen);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()),
            (std::set<std::string>{"added partition", "added topic"}));
}

TEST_F(KafkaSource, only_the_partitions_that_are_named_are_read) {
  side.create(topic, 3);
  side.send_values(topic, numbers(0, 9), 3);
  stream_fixture s{{.batch = 10s}};
  auto source = topics_of(topic);
  source.names.clear();
  source.partitions = {{topic, 2}};
  auto seen = s.collect(s.streaming().stream(source).map(value_of));
  s.advance();
  EXPECT_EQ(flat(seen), (std::vector<std::string>{"2", "5", "8"}));
}

TEST_F(KafkaSource, a_missing_topic_fails_or_is_waited_for) {
  {
    stream_fixture s{{.batch = 10s}};
    (void)s.collect(s.streaming().stream(topics_of(topic)).map(value_of));
    try {
      s.advance();
      FAIL();
    } catch (const std::exception& e) {
      EXPECT_NE(describe(e).find("there is no such topic"), std::string::npos) << describe(e);
    }
  }
  stream_fixture s{{.batch = 10s}};
  auto source = topics_of(topic);
  source.start = kafka::latest;
  source.on_missing_topic = kafka::on_missing_topic::wait;
  auto seen = s.collect(s.streaming().stream(source).map(value_of));
  s.advance(2);
  side.create(topic, 1);
  side.send_values(topic, {"first"});
  ASSERT_TRUE(eventually([&] {
    s.advance();
    return !flat(seen).empty();
  }));
  EXPECT_EQ(flat(seen), std::vector<std::string>{"first"});
}

TEST_F(KafkaSource, a_rate_bounds_batches) {
  side.create(topic, 2);
  side.send_values(topic, numbers(0, 100), 2);
  stream_fixture s{{.batch = 10s, .conf = {{"streaming.receiver.maxRate", "3"}}}};
  auto seen = s.collect(s.streaming().stream(topics_of(topic)).count());
  s.advance(5);
  EXPECT_EQ(seen.batches(), (std::vector<std::vector<std::int64_t>>{{30}, {30}, {30}, {10}, {0}}));
}

TEST_F(KafkaSource, compressed_records_are_read_whatever_compressed_them) {
  side.create(topic, 1);
  for (const char* const codec : {"gzip", "snappy", "lz4", "zstd"}) {
    std::vector<kafka_message> all;
    for (int i = 0; i < 100; ++i) {
      kafka_message m;
      m.value = std::string(1000, 'x') + codec;
      all.push_back(std::move(m));
    }
    side.send(topic, all, {{"compression.type", codec}, {"linger.ms", "50"}});
  }
  stream_fixture s{{.batch = 10s}};
  auto seen =
      s.collect(s.streaming()
                    .stream(topics_of(topic))
                    .map([](const kafka::record& r) { return std::string(r.value.substr(1000)); })
                    .count_by_value());
  s.advance();
  using counted = std::pair<std::string, std::int64_t>;
  EXPECT_EQ(seen.sorted()[0],
            (std::vector<counted>{{"gzip", 100}, {"lz4", 100}, {"snappy", 100}, {"zstd", 100}}));
}

TEST_F(KafkaSource, records_of_ten_megabytes_pass) {
  side.create(topic, 1, {{"max.message.bytes", "20000000"}});
  std::vector<kafka_message> all(8);
  for (std::size_t i = 0; i < all.size(); ++i)
    // NOLINTNEXTLINE(bugprone-string-constructor): so long it is meant
    all[i].value = std::string(10'000'000, static_cast<char>('a' + i));
  side.send(topic, all);
  stream_fixture s{{.batch = 10s}};
  auto seen = s.collect(s.streaming().stream(topics_of(topic)).map([](const kafka::record& r) {
    const bool whole = r.value.find_first_not_of(r.value[0]) == std::string_view::npos;
    return std::pair(r.value[0], whole ? static_cast<std::int64_t>(r.value.size()) : 0);
  }));
  s.advance();
  ASSERT_EQ(flat(seen).size(), 8U);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(flat(seen)[i], (std::pair(static_cast<char>('a' + i), std::int64_t{10'000'000})));
}

TEST_F(KafkaSource, aborted_transactions_are_not_read_and_gaps_hold_nothing_up) {
  side.create(topic, 1);
  const auto messages = [](int from, int to) {
    std::vector<kafka_message> all;
    for (const std::string& value : numbers(from, to)) {
      kafka_message m;
      m.value = value;
      all.push_back(std::move(m));
    }
    return all;
  };
  stream_fixture s{{.batch = 10s, .conf = {{"streaming.receiver.maxRate", "1"}}}};
  auto seen = s.collect(s.streaming().stream(topics_of(topic)).map(value_of));
  side.send_in_transaction(topic, messages(0, 5), true);
  side.send_in_transaction(topic, messages(100, 110), false);  // some batches have nothing else
  side.send_in_transaction(topic, messages(5, 10), true);
  side.send_in_transaction(topic, messages(100, 110), false);
  s.advance(8);
  EXPECT_EQ(flat(seen), numbers(0, 10));
  side.send_in_transaction(topic, messages(10, 12), true);  // behind an end that was a gap
  s.advance();
  EXPECT_EQ(flat(seen), numbers(0, 12));
}

TEST_F(KafkaSource, an_open_transaction_is_waited_for_not_skipped) {
  side.create(topic, 1);
  side.send_values(topic, {"before"});
  stream_fixture s{{.batch = 10s}};
  auto source = topics_of(topic);
  auto seen = s.collect(s.streaming().stream(source).map(value_of));
  source.settings = {{"isolation.level", "read_uncommitted"}};
  auto all = s.collect(s.streaming().stream(source).map(value_of));
  side.send_in_transaction(topic, {{.value = "aborted"}}, false);
  side.send_values(topic, {"after"});
  s.advance();
  EXPECT_EQ(flat(seen), (std::vector<std::string>{"before", "after"}));
  EXPECT_EQ(flat(all), (std::vector<std::string>{"before", "aborted", "after"}));
}

TEST_F(KafkaSource, a_compacted_topic_is_read_in_spite_of_its_holes) {
  side.create(topic, 1,
              {{"cleanup.policy", "compact"},
               {"segment.ms", "100"},
               {"min.cleanable.dirty.ratio", "0.01"},
               {"min.compaction.lag.ms", "0"},
               {"max.compaction.lag.ms", "100"}});
  for (int round = 0; round < 5; ++round) {
    std::vector<kafka_message> all;
    for (int i = 0; i < 10; ++i) {
      kafka_message m;
      m.key = std::to_string(i);
      m.value = std::to_string(round * 10 + i);
      all.push_back(std::move(m));
    }
    side.send(topic, all);
    std::this_thread::sleep_for(150ms);  // so that the broker rolls its segment
  }
  // Rolls the last segment that is looked at.
  ASSERT_TRUE(eventually([&] {
    side.send(topic, {{.key = "last", .value = "last"}});
    return side.read(topic).front().offset != 0;
  }));
  const auto left = side.values(topic);
  stream_fixture s{{.batch = 10s, .conf = {{"streaming.receiver.maxRate", "1"}}}};
  auto seen = s.collect(s.streaming().stream(topics_of(topic)).map(value_of));
  ASSERT_TRUE(eventually([&] {
    s.advance();
    const auto all = flat(seen);
    return !all.empty() && all.back() == "last";
  }));
  s.advance(10);
  const auto all = flat(seen);
  // The broker may have compacted more since: what is read is there, in order, and the newest of
  // all keys is among it.
  EXPECT_LE(all.size(), left.size() + 10);
  for (int i = 40; i < 50; ++i)
    EXPECT_EQ(std::count(all.begin(), all.end(), std::to_string(i)), 1) << i;
}

TEST_F(KafkaSource, records_that_are_gone_fail_a_dataset) {
  side.create(topic, 1);
  side.send_values(topic, numbers(0, 10));
  side.delete_records(topic, 6);
  context sc{{.name = "read", .master = "local[2]"}};
  auto some = kafka::read(sc, shared_broker().address(), {{topic, 0, 2, 9}});
  try {
    (void)some.count();
    FAIL();
  } catch (const std::exception& e) {
    EXPECT_NE(describe(e).find("offsets from 6 up to 10"), std::string::npos) << describe(e);
  }
}

TEST(KafkaSourceOptions, what_cannot_be_is_refused_when_the_stream_is_made) {
  stream_fixture s{{.batch = 10s}};
  const auto refused = [&](const kafka::topics& source) -> std::string {
    try {
      (void)s.streaming().stream(source);
    } catch (const usage_error& e) {
      return e.what();
    }
    return "taken";
  };
  EXPECT_NE(refused({.brokers = "b:1"}).find("names, pattern and partitions"), std::string::npos);
  EXPECT_NE(refused({.brokers = "b:1", .pattern = "("}).find("no regular expression"),
            std::string::npos);
  EXPECT_NE(refused({.names = {"a"}}).find("brokers are missing"), std::string::npos);
  const auto with = [&](std::string name, std::string value) {
    return refused({.brokers = "b:1", .names = {"a"}, .settings = {{name, value}}});
  };
  EXPECT_NE(with("fetch.wait.max", "5").find("the nearest is \"fetch.wait.max.ms\""),
            std::string::npos)
      << with("fetch.wait.max", "5");
  EXPECT_NE(with("fetch.wait.max.ms", "soon").find("fetch.wait.max.ms"), std::string::npos);
  EXPECT_NE(with("fetch.wait.max.ms", "-7").find("-7"), std::string::npos);
  EXPECT_NE(with("auto.offset.reset", "latest").find("millrace's to make"), std::string::npos);
  EXPECT_NE(with("ssl.key.password.file", "/no/such/file").find("can't be read"),
            std::string::npos);
  EXPECT_NE(with("sasl.password.env", "MILLRACE_NO_SUCH").find("MILLRACE_NO_SUCH"),
            std::string::npos);
  EXPECT_EQ(with("ssl.key.pem", "tell nobody").find("tell nobody"), std::string::npos);
}

}  // namespace
}  // namespace millrace
