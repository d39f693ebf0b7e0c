// Records that are gone before they were read: the stream says so, or goes on and says so.
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "millrace/error.hpp"
#include "millrace/kafka.hpp"
#include "millrace/testing.hpp"
#include "shared_broker.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace testing;

using strings = std::vector<std::string>;

strings numbers(int from, int to) {
  strings all;
  for (int i = from; i < to; ++i) all.push_back(std::to_string(i));
  return all;
}

/// Keeps what is reported.
class reports : public streaming_listener {
 public:
  void receiver_error(const receiver_info& info) override {
    const std::lock_guard lock(mutex_);
    text_ += info.last_error_message + '\n';
  }
  bool hold(const std::string& part) const {
    const std::lock_guard lock(mutex_);
    return text_.find(part) != std::string::npos;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

/// A stream of `topic` from its beginning, unless a test says otherwise, in batches of a second of
/// the manual clock.
class KafkaLoss : public ::testing::TestWithParam<kafka::on_data_loss> {
 protected:
  bool goes_on() const { return GetParam() == kafka::on_data_loss::skip; }
  kafka::topics source(kafka::start_position start = kafka::earliest) const {
    return {.brokers = shared_broker().address(),
            .names = {topic},
            .start = std::move(start),
            .on_data_loss = GetParam(),
            .discovery = 1ms};
  }
  void open(const kafka::topics& from) {
    s.streaming().add_listener(heard);
    auto values =
        s.streaming().stream(from).map([](const kafka::record& r) { return std::string(r.value); });
    values.for_each_rdd([this](const rdd<std::string>& batch) {
      for (const std::string& value : batch.collect().to_vector()) seen.push_back(value);
    });
  }
  /// Runs batches until the stream has told of a loss in these words, by its end or on the way.
  ::testing::AssertionResult tells(const std::string& part) {
    std::string said;
    const bool told = eventually([&] {
      try {
        s.advance();
      } catch (const std::exception& e) {
        said = describe(e);
      }
      return !said.empty() || heard->hold(part);
    });
    if (!told) return ::testing::AssertionFailure() << "nothing was told";
    if (goes_on() == said.empty() && (goes_on() || said.find(part) != std::string::npos))
      return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << said;
  }
  ::testing::AssertionResult gets(const strings& all) {
    if (eventually([&] {
          s.advance();
          return seen.size() >= all.size();
        }) &&
        seen == all)
      return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << ::testing::PrintToString(seen);
  }

  kafka_side side{shared_broker().address()};
  std::string topic = new_topic_name("lost");
  std::shared_ptr<reports> heard = std::make_shared<reports>();
  strings seen;
  stream_fixture s{{.batch = 1s}};
};

TEST_P(KafkaLoss, offsets_before_the_first_record) {
  side.create(topic, 1);
  side.send_values(topic, numbers(0, 10));
  side.delete_records(topic, 4);
  open(source(kafka::offsets{{{topic, 0}, 1}}));
  EXPECT_TRUE(tells(topic + "[0], offsets from 1 up to 4"));
  if (goes_on()) {
    EXPECT_TRUE(gets(numbers(4, 10)));
  }
}

TEST_P(KafkaLoss, offsets_behind_the_last_record) {
  side.create(topic, 1);
  side.send_values(topic, numbers(0, 10));
  open(source(kafka::offsets{{{topic, 0}, 25}}));
  EXPECT_TRUE(tells(topic + "[0], offsets from 10 up to 25"));
  if (!goes_on()) return;
  side.send_values(topic, numbers(10, 12));
  EXPECT_TRUE(gets(numbers(10, 12)));
}

TEST_P(KafkaLoss, records_deleted_when_their_batch_was_named_already) {
  side.create(topic, 1);
  side.send_values(topic, numbers(0, 10));
  s.streaming().add_listener(heard);
  bool deleted = false;
  s.streaming()
      .stream(source())
      .transform([&](const rdd<kafka::record>& batch) {
        if (!deleted) side.delete_records(topic, 6);
        deleted = true;
        return batch;
      })
      .map([](const kafka::record& r) { return std::string(r.value); })
      .for_each_rdd([this](const rdd<std::string>& batch) {
        for (const std::string& value : batch.collect().to_vector()) seen.push_back(value);
      });
  EXPECT_TRUE(tells("are lost, the partition has offsets from 6 up to 10"));
  if (goes_on()) {
    EXPECT_TRUE(gets(numbers(6, 10)));
  }
}

TEST_P(KafkaLoss, a_topic_that_is_gone) {
  side.create(topic, 1);
  side.send_values(topic, numbers(0, 10));
  open(source());
  ASSERT_TRUE(gets(numbers(0, 10)));
  side.remove(topic);
  EXPECT_TRUE(tells("the topic or its partition is gone"));
}

TEST_P(KafkaLoss, a_topic_that_was_made_anew_with_less) {
  side.create(topic, 2);
  side.send_values(topic, numbers(0, 10), 1);
  open(source());
  ASSERT_TRUE(gets(numbers(0, 10)));
  side.remove(topic);
  // The broker deletes in the background.
  ASSERT_TRUE(eventually([&] {
    try {
      side.create(topic, 1);
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
  side.send_values(topic, {"new"});
  EXPECT_TRUE(tells("are lost"));
  if (!goes_on()) return;
  // Where the partition ends now it goes on, when that has been believed.
  ASSERT_TRUE(eventually([&] {
    s.advance();
    return heard->hold(topic + "[0], offsets from 1 up to 10") ||
           heard->hold("the topic or its partition is gone: " + topic + "[0]");
  }));
  EXPECT_TRUE(eventually([&] {
    side.send_values(topic, {"newer"});
    s.advance();
    return seen.back() == "newer";
  }));
}

INSTANTIATE_TEST_SUITE_P(OnDataLoss, KafkaLoss,
                         ::testing::Values(kafka::on_data_loss::fail, kafka::on_data_loss::skip),
                         [](const auto& which) {
                           return which.param == kafka::on_data_loss::fail ? "fail" : "skip";
                         });

}  // namespace
}  // namespace millrace
