// Consumers between batches: they stay, fetch ahead, and stop when nobody reads. And what is told
// of all that.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/kafka.hpp"
#include "millrace/testing.hpp"
#include "shared_broker.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class KafkaFetching : public ::testing::Test {
 protected:
  void TearDown() override { wire().swallow(false); }

  /// Nothing came over the wire for so long that nothing is on the way.
  bool quiet() const {
    std::int64_t before = -1;
    int same = 0;
    return eventually([&] {
      const std::int64_t now = wire().answered();
      // Answers to empty fetches are small, and there is one every 100 ms.
      same = now - before < 2'000 ? same + 1 : 0;
      before = now;
      return same >= 50;
    });
  }

  kafka_side side{shared_broker().address()};
  std::string topic = new_topic_name("fetched");
};

TEST_F(KafkaFetching, what_was_fetched_ahead_is_read_while_nobody_answers) {
  constexpr std::int64_t size = 1'000;
  side.create(topic, 1);
  side.send_values(topic, std::vector<std::string>(300, std::string(size, 'x')));
  stream_fixture s{{.batch = 1s, .conf = {{"streaming.receiver.maxRate", "100"}}}};
  auto seen =
      s.collect(s.streaming()
                    .stream(kafka::topics{
                        .brokers = wire_address(), .names = {topic}, .start = kafka::earliest})
                    .count());
  const std::int64_t before = wire().answered();
  s.advance();
  ASSERT_TRUE(eventually([&] { return wire().answered() - before >= 300 * size; }));
  ASSERT_TRUE(quiet());  // what belongs to it has come too
  wire().swallow(true);
  s.advance(2);
  EXPECT_EQ(seen.batches(), (std::vector<std::vector<std::int64_t>>{{100}, {100}, {100}}));
}

TEST_F(KafkaFetching, fetching_stops_when_nobody_reads_and_goes_on_when_somebody_does) {
  constexpr int records = 40;
  constexpr std::size_t size = 500'000;
  side.create(topic, 1);
  std::vector<kafka_message> all(records);
  for (kafka_message& m : all) m.value = std::string(size, 'x');
  side.send(topic, all);
  stream_fixture s{{.batch = 1s, .conf = {{"streaming.receiver.maxRate", "1"}}}};
  auto seen = s.collect(
      s.streaming()
          .stream(kafka::topics{.brokers = wire_address(),
                                .names = {topic},
                                .start = kafka::earliest,
                                .settings = {{"queued.max.messages.kbytes", "2000"},
                                             {"fetch.message.max.bytes", "1000000"}}})
          .map([](const kafka::record& r) { return static_cast<std::int64_t>(r.value.size()); }));
  const std::int64_t before = wire().answered();
  s.advance();
  ASSERT_TRUE(quiet());
  // The queue and one answer more, out of 20 MB.
  EXPECT_LT(wire().answered() - before, 6'000'000);
  s.advance(records - 1);
  std::int64_t bytes = 0;
  for (const auto& batch : seen.batches())
    for (const std::int64_t one : batch) bytes += one;
  EXPECT_EQ(bytes, static_cast<std::int64_t>(records * size));
}

TEST_F(KafkaFetching, lag_fetches_and_commits_are_told) {
  class listener : public streaming_listener {
   public:
    void measured(const measurement_info& info) override {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, value] : info.numbers) {
        numbers_[(info.stream_id == -1 ? "sink " : "source ") + name].push_back(value);
        EXPECT_NE(info.of.find("kafka 127.0.0.1:"), std::string::npos);
      }
    }
    std::vector<std::int64_t> of(const std::string& name) const {
      const std::lock_guard lock(mutex_);
      const auto at = numbers_.find(name);
      return at == numbers_.end() ? std::vector<std::int64_t>() : at->second;
    }

   private:
    mutable std::mutex mutex_;
    std::map<std::string, std::vector<std::int64_t>> numbers_;
  };
  const std::string out = new_topic_name("out");
  side.create(topic, 2);
  side.create(out, 1);
  side.send_values(topic, std::vector<std::string>(25, "value"), 2);
  stream_fixture s{{.name = topic, .batch = 1s, .conf = {{"streaming.receiver.maxRate", "10"}}}};
  const auto heard = std::make_shared<listener>();
  s.streaming().add_listener(heard);
  s.streaming()
      .stream(kafka::topics{
          .brokers = shared_broker().address(), .names = {topic}, .start = kafka::earliest})
      .write(kafka::topic{.brokers = shared_broker().address(), .name = out});
  s.advance(4);
  ASSERT_TRUE(eventually([&] { return heard->of("source records").size() == 4; }));
  std::int64_t all = 0;
  std::int64_t left = 25;
  for (std::size_t i = 0; i < 4; ++i) {
    all += heard->of("source records")[i];
    left -= heard->of("source records")[i];
    EXPECT_EQ(heard->of("source lag")[i], left);
  }
  EXPECT_EQ(all, 25);
  EXPECT_EQ(heard->of("source partitions"), (std::vector<std::int64_t>{2, 2, 2, 2}));
  EXPECT_GT(heard->of("source answer_us")[0], 0);
  // Of the batches before; the last one is told with the next.
  s.advance();
  ASSERT_TRUE(eventually([&] { return heard->of("source fetched_records").size() == 5; }));
  std::int64_t fetched = 0;
  for (const std::int64_t n : heard->of("source fetched_records")) fetched += n;
  EXPECT_EQ(fetched, 25);
  std::int64_t sent = 0;
  ASSERT_TRUE(eventually([&] { return heard->of("sink commit_us").size() == 5; }));
  for (const std::int64_t n : heard->of("sink messages")) sent += n;
  EXPECT_EQ(sent, 25);
  EXPECT_EQ(heard->of("sink transactions")[0], 1);
  EXPECT_EQ(heard->of("sink transactions")[4], 0);  // an empty batch
}

TEST_F(KafkaFetching, offsets_of_batches_that_are_done_go_to_the_group) {
  side.create(topic, 2);
  side.send_values(topic, std::vector<std::string>(9, "value"), 2);
  std::string directory =
      (std::filesystem::temp_directory_path() / "millrace-kafka-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string group = topic + "-watched";
  {
    stream_fixture s{{.name = topic, .batch = 1s, .checkpoint = directory}};
    (void)s.collect(s.streaming()
                        .stream(kafka::topics{.brokers = shared_broker().address(),
                                              .names = {topic},
                                              .group = group,
                                              .start = kafka::earliest})
                        .count());
    s.advance();
    ASSERT_TRUE(eventually([&] {
      s.advance();
      return side.group_offset(group, topic, 0) == 5 && side.group_offset(group, topic, 1) == 4;
    }));
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace millrace
