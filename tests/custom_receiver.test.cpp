// Receivers that a program writes, in a running stream.
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "stream_on_manual_clock.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::gate;
using test::mailbox;
using test::stream_on_manual_clock;
using ints = std::vector<int>;
using slices = std::vector<ints>;

/// The log would tell of what tests provoke.
struct quiet {
  quiet() { detail::set_log_level(detail::log_level::off); }
  ~quiet() { detail::set_log_level(detail::log_level::warn); }
};

/// What tests do to a receiver while it lives in the stream.
struct scripted : receiver<int> {
  explicit scripted(mailbox<std::string>& said) : said_(&said) {}
  void on_start() override {
    said_->put("start");
    if (failures_ > 0) {
      --failures_;
      throw std::runtime_error("not yet");
    }
  }
  void on_stop() override { said_->put(is_stopped() ? "stop" : "stop too early"); }
  mailbox<std::string>* said_;
  int failures_ = 0;
};

/// Batches as the rows of each partition.
struct partitions_seen {
  explicit partitions_seen(const dstream<int>& stream) {
    stream.glom().for_each_rdd([this](const rdd<ints>& batch) {
      const auto all = batch.collect();
      seen.put(slices(all.begin(), all.end()));
    });
  }
  mailbox<slices> seen;
};

struct receiver_listener : streaming_listener {
  void receiver_started(const receiver_info& i) override {
    EXPECT_TRUE(i.active);
    told.put("started " + i.name);
  }
  void receiver_error(const receiver_info& i) override {
    told.put("error " + i.last_error_message);
  }
  void receiver_stopped(const receiver_info& i) override {
    EXPECT_FALSE(i.active);
    told.put("stopped");
  }
  mailbox<std::string> told;
};

TEST(CustomReceiverThreads, a_block_is_what_came_within_the_block_interval) {
  mailbox<std::string> said;
  scripted source(said);
  stream_on_manual_clock s;
  partitions_seen out(s.ssc.receiver_stream(std::shared_ptr<scripted>(&source, [](auto*) {})));
  s.ssc.start();
  said.await(1);
  for (int block = 0; block < 3; ++block) {
    s.clock.await_waiters(1);  // what came before was cut
    EXPECT_TRUE(source.store(2 * block));
    EXPECT_TRUE(source.store(2 * block + 1));
    s.clock.advance(200ms);  // the clock cuts, whether or not more comes
  }
  s.clock.await_waiters(1);
  EXPECT_TRUE(source.store(6));
  s.clock.advance(400ms);
  EXPECT_EQ(out.seen.await(1), (std::vector<slices>{{{0, 1}, {2, 3}, {4, 5}, {6}}}));
  s.ssc.stop();
  EXPECT_EQ(said.all(), (std::vector<std::string>{"start", "stop"}));
  EXPECT_TRUE(source.is_stopped());
  EXPECT_FALSE(source.store(7));
}

TEST(CustomReceiverThreads, store_all_is_a_block_and_keeps_the_order) {
  mailbox<std::string> said;
  stream_on_manual_clock s;
  auto source = std::make_shared<scripted>(said);
  partitions_seen out(s.ssc.receiver_stream(source));
  s.ssc.start();
  said.await(1);
  source->store(1);
  source->store_all({2, 3});
  source->store_all(ints{});
  source->store_all(ints{4});
  source->store(5);
  s.tick();
  EXPECT_EQ(out.seen.await(1), (std::vector<slices>{{{1}, {2, 3}, {4}, {5}}}));
  source->store(6);
  // What was stored gets one more batch.
  std::thread stopper([&] { s.ssc.stop({.graceful = true}); });
  s.tick();
  stopper.join();
  EXPECT_EQ(out.seen.all().back(), (slices{{6}}));
}

TEST(CustomReceiverThreads, restart_and_stop_as_told_to_listeners) {
  const quiet no_log;
  mailbox<std::string> said;
  receiver_listener listener;
  stream_on_manual_clock s;
  s.ssc.add_listener(listener);
  auto source = std::make_shared<scripted>(said);
  s.ssc.receiver_stream(source).for_each_rdd([](const rdd<int>&) {});
  EXPECT_THROW(source->store(1), usage_error);  // nobody runs it yet
  EXPECT_THROW(source->stream_id(), usage_error);
  EXPECT_TRUE(source->is_stopped());
  s.ssc.start();
  said.await(1);
  EXPECT_TRUE(source->is_started());
  EXPECT_EQ(source->stream_id(), 0);
  source->report_error("hm");
  source->report_error("hm", std::runtime_error("why"));
  source->restart("again", 0ms);
  said.await(3);  // start, stop, start
  source->stop("enough");
  EXPECT_TRUE(source->is_stopped());
  EXPECT_FALSE(source->store(1));
  said.await(4);
  listener.told.await(8);
  s.tick();
  s.ssc.stop();  // the stream had gone on
  EXPECT_EQ(said.all(), (std::vector<std::string>{"start", "stop", "start", "stop"}));
  EXPECT_EQ(listener.told.all(),
            (std::vector<std::string>{"started millrace::scripted [0]", "error hm", "error hm: why",
                                      "error again", "stopped", "started millrace::scripted [0]",
                                      "error enough", "stopped"}));
  s.ssc.remove_listener(listener);
}

TEST(CustomReceiverThreads, one_that_can_not_start_is_started_again) {
  const quiet no_log;
  mailbox<std::string> said;
  receiver_listener listener;
  stream_on_manual_clock s{1s, 0ms, {{"streaming.receiverRestartDelay", "0ms"}}};
  s.ssc.add_listener(listener);
  scripted source(said);
  source.failures_ = 2;
  s.ssc.receiver_stream(source).for_each_rdd([](const rdd<int>&) {});  // a copy
  s.ssc.start();
  said.await(5);
  s.ssc.stop();
  EXPECT_EQ(said.all(),
            (std::vector<std::string>{"start", "stop", "start", "stop", "start", "stop"}));
  EXPECT_EQ(listener.told.all()[1], "error on_start failed: not yet");
  s.ssc.remove_listener(listener);
}

/// Stores as fast as it may, on a thread of its own, and can't be copied.
struct flood : receiver<std::string> {
  void on_start() override {
    thread_ = std::thread([this] {
      for (int i = 0; store(std::to_string(i) + std::string(90, '.')); ++i) stored_ = i + 1;
    });
  }
  void on_stop() override { thread_.join(); }
  std::atomic<int> stored_{0};
  std::thread thread_;
};

TEST(CustomReceiverThreads, store_waits_while_there_is_no_room_and_nothing_is_lost) {
  flood source;
  mailbox<int> seen;
  int next = 0;
  std::int64_t most = 0;
  {
    streaming_context ssc{
        {.master = "local[2]", .batch = 5ms, .conf = {{"streaming.receiver.maxBytes", "64k"}}}};
    ssc.receiver_stream(source).for_each_rdd([&](const rdd<std::string>& batch) {
      const auto rows = batch.collect();
      most = std::max(most, static_cast<std::int64_t>(rows.size()));
      for (const std::string& row : rows) {
        EXPECT_EQ(std::stoi(row), next);
        ++next;
      }
      seen.put(next);
    });
    ssc.start();
    seen.await_until([](const std::vector<int>& all) { return !all.empty() && all.back() > 5000; });
    ssc.stop({.graceful = true});
  }
  EXPECT_EQ(next, source.stored_);
  EXPECT_LE(most, 64 * 1024 / 90 + 1);
}

TEST(CustomReceiverThreads, on_start_may_do_all_the_work_and_one_core_is_enough) {
  struct working : receiver<std::pair<std::string_view, int>> {
    void on_start() override {
      std::string word = "word";
      for (int i = 0; !is_stopped(); ++i) {
        store({word, i});
        word[0] = 'x';  // rows own what they viewed
        word[0] = 'w';
      }
    }
    void on_stop() override {}
  };
  mailbox<std::int64_t> seen;
  streaming_context ssc{{.master = "local", .batch = 5ms}};
  const auto a = ssc.receiver_stream(working{});
  const auto b = ssc.receiver_stream(std::make_unique<working>());
  ssc.union_of(a, b)
      .filter([](const auto& row) { return row.first == "word"; })
      .count()
      .for_each_rdd([&](const rdd<std::int64_t>& n) { seen.put(n.first()); });
  ssc.start();
  seen.await_until([](const auto& all) {
    std::int64_t sum = 0;
    for (const auto n : all) sum += n;
    return sum > 1000;
  });
  ssc.stop();
}

TEST(CustomReceiverThreads, a_receiver_that_does_not_end_does_not_keep_its_memory) {
  // The receiver and what runs it know each other: neither may keep the other for ever.
  struct mortal : receiver<int> {
    explicit mortal(std::shared_ptr<int> token) : token_(std::move(token)) {}
    void on_start() override {}
    void on_stop() override {}
    std::shared_ptr<int> token_;
  };
  std::weak_ptr<int> alive;
  {
    stream_on_manual_clock s;
    auto token = std::make_shared<int>(1);
    alive = token;
    s.ssc.receiver_stream(std::make_unique<mortal>(std::move(token)))
        .for_each_rdd([](const rdd<int>&) {});
    s.ssc.start();
    s.ssc.stop();
  }
  EXPECT_TRUE(alive.expired());
}

}  // namespace
}  // namespace millrace
