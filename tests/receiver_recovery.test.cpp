// Receivers with a write-ahead log: programs that die and are started again.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "crashing_files.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/millrace.hpp"
#include "millrace/socket.hpp"
#include "socket_peer.hpp"
#include "stream_on_manual_clock.hpp"
#include "streaming/recovery/parked_batches.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::crashing_files;
using after_crash = crashing_files::after_crash;
using rows_of_batches = std::map<batch_time, std::vector<std::string>>;

/// Stores what the test gives it.
struct given : receiver<std::string> {
  void on_start() override {}
  void on_stop() override {}
  void await_start() const {
    for (const auto until = std::chrono::steady_clock::now() + test::deadline; !is_started();) {
      ASSERT_LT(std::chrono::steady_clock::now(), until);
      std::this_thread::yield();
    }
  }
};

/// What a database would hold: it outlives the program.
struct kept_rows {
  std::mutex mutex;
  rows_of_batches batches;
  bool twice = false;

  std::vector<std::string> all() const {
    std::vector<std::string> rows;
    for (const auto& [time, batch] : batches) rows.insert(rows.end(), batch.begin(), batch.end());
    return rows;
  }
};

template <class T>
struct database {
  std::shared_ptr<kept_rows> to;

  std::vector<std::string> prepare(const output_id&, partition_rows<T>& rows) const {
    std::vector<std::string> all;
    for (const T& row : rows) all.emplace_back(row);
    return all;
  }
  bool committed(batch_time time) const {
    const std::lock_guard lock(to->mutex);
    return to->batches.contains(time);
  }
  void commit(batch_time time, std::vector<std::vector<std::string>> receipts) const {
    const std::lock_guard lock(to->mutex);
    std::vector<std::string> all;
    for (const auto& one : receipts) all.insert(all.end(), one.begin(), one.end());
    if (!to->batches.emplace(time, std::move(all)).second) to->twice = true;
  }
};

/// One life of a program.
class life {
 public:
  explicit life(crashing_files& files, const char* on_failure = "stop")
      : clock_(detail::time_point_ms(0s)),
        sc_(test::stream_on_manual_clock::make_context(
            &clock_, {{"streaming.receiver.writeAheadLog.enable", "true"},
                      {"streaming.onBatchFailure", on_failure},
                      {"streaming.checkpoint.interval", "2s"}})),
        ssc(sc_, 1s) {
    ssc.core()->checkpoint("mem/checkpoint");
    ssc.core()->checkpoint_on(files);
  }
  ~life() { ssc.stop(); }
  life(const life&) = delete;
  life& operator=(const life&) = delete;

  void start() { at_ = ssc.core()->start_stepped(); }
  void batches(int n) {
    for (int i = 0; i < n; ++i) {
      at_ += 1s;
      clock_.set(std::max(clock_.now(), at_));
      ssc.core()->step(at_);
    }
  }

 private:
  detail::manual_clock clock_;
  context sc_;
  batch_time at_{};

 public:
  streaming_context ssc;
};

class ReceiverRecoveryThreads : public testing::Test {
 protected:
  ReceiverRecoveryThreads() { detail::set_log_level(detail::log_level::off); }
  ~ReceiverRecoveryThreads() override { detail::set_log_level(detail::log_level::warn); }

  crashing_files files;
  std::shared_ptr<kept_rows> kept = std::make_shared<kept_rows>();

  static std::vector<std::string> some(int batch) {
    return {std::to_string(batch) + "a", std::to_string(batch) + "b", std::to_string(batch) + "c"};
  }

  /// Stores and runs batches until the process dies, if it does; what `store_all` promised is
  /// added.
  void live(int first, std::vector<std::string>& promised) {
    const auto source = std::make_shared<given>();
    std::thread stores;
    std::atomic<bool> done{false};
    try {
      life one(files);
      one.ssc.receiver_stream(source).write(database<std::string>{kept});
      one.start();
      source->await_start();
      for (int batch = first; batch < first + 4; ++batch) {
        done = false;
        stores = std::thread([&, batch] {
          const std::vector<std::string> rows = some(batch);
          if (source->store_all(rows)) promised.insert(promised.end(), rows.begin(), rows.end());
          (void)source->store(std::to_string(batch) + "?");
          done = true;
        });
        while (!done && !files.dead()) std::this_thread::yield();
        if (!done) break;  // the disk is gone, and with it the process
        stores.join();
        one.batches(1);
      }
      one.ssc.stop();
      if (stores.joinable()) stores.join();
    } catch (const std::exception& e) {
      EXPECT_TRUE(files.dead()) << e.what();
      if (stores.joinable()) stores.join();
    }
  }

  void expect_all_of(const std::vector<std::string>& promised, std::int64_t n) const {
    EXPECT_FALSE(kept->twice) << n;
    const std::vector<std::string> all = kept->all();
    EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size()) << n << " twice";
    std::vector<std::string> kept_promised;
    for (const std::string& row : all)
      if (std::find(promised.begin(), promised.end(), row) != promised.end())
        kept_promised.push_back(row);
    EXPECT_EQ(kept_promised, promised) << n;
  }

  void die_everywhere(after_crash how) {
    for (std::int64_t n = 1;; ++n) {
      files.set({});
      kept = std::make_shared<kept_rows>();
      std::vector<std::string> promised;
      files.die_at(n, how);
      live(1, promised);
      const bool over = !files.dead();
      files.restart();
      live(10, promised);
      ASSERT_FALSE(files.dead());
      expect_all_of(promised, n);
      if (HasFailure()) return;
      if (over) {
        EXPECT_GT(n, 40);
        return;
      }
    }
  }
};

TEST_F(ReceiverRecoveryThreads, what_was_promised_is_there_once_wherever_the_process_dies) {
  die_everywhere(after_crash::all_is_there);
}

TEST_F(ReceiverRecoveryThreads, what_was_promised_is_there_once_wherever_the_power_fails) {
  die_everywhere(after_crash::synced_alone);
}

TEST_F(ReceiverRecoveryThreads, what_was_promised_is_there_once_if_it_dies_within_a_write) {
  die_everywhere(after_crash::last_write_in_half);
}

TEST_F(ReceiverRecoveryThreads, a_full_disk_stops_receiving_until_there_is_room) {
  const auto source = std::make_shared<given>();
  life one(files);
  one.ssc.receiver_stream(source).write(database<std::string>{kept});
  one.start();
  source->await_start();
  EXPECT_TRUE(source->store_all({"a"}));
  one.batches(1);
  files.fail_at(1);  // the next change, which is the log's
  std::atomic<bool> stored{false};
  std::thread stores([&] {
    EXPECT_TRUE(source->store_all({"b"}));
    stored = true;
  });
  while (files.changes() == 0) std::this_thread::yield();
  for (const auto until = std::chrono::steady_clock::now() + test::deadline; !stored;) {
    one.batches(1);  // tries again
    ASSERT_LT(std::chrono::steady_clock::now(), until);
  }
  stores.join();
  one.batches(1);
  EXPECT_EQ(kept->all(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(ReceiverRecoveryThreads, lines_that_were_read_from_a_socket_survive_the_process) {
  const test::server there;
  {
    life one(files);
    one.ssc.stream(socket::text{.host = "127.0.0.1", .port = there.port()})
        .write(database<std::string_view>{kept});
    one.start();
    const int client = there.accept();
    ASSERT_TRUE(test::send_all(client, "a\nb\r\n\r\nthe last whole one\rhal"));
    const auto logged = [&] {
      for (const auto& [path, bytes] : files.all())
        if (path.find("/received-") != std::string::npos &&
            bytes.find("whole one\r") != std::string::npos)
          return true;
      return false;
    };
    for (const auto until = std::chrono::steady_clock::now() + test::deadline; !logged();)
      ASSERT_LT(std::chrono::steady_clock::now(), until);
    files.die_at(1, after_crash::all_is_there);
    ::close(client);
    EXPECT_ANY_THROW(one.batches(1));
  }
  files.restart();
  life two(files);
  two.ssc.stream(socket::text{.host = "127.0.0.1", .port = there.port()})
      .write(database<std::string_view>{kept});
  two.start();
  two.batches(1);
  EXPECT_EQ(kept->all(), (std::vector<std::string>{"a", "b", "", "the last whole one"}));
}

TEST_F(ReceiverRecoveryThreads, segments_go_once_no_checkpoint_needs_them) {
  const auto source = std::make_shared<given>();
  life one(files);
  one.ssc.receiver_stream(source).write(database<std::string>{kept});
  one.start();
  source->await_start();
  std::size_t most = 0;
  const std::string large(std::size_t{8} << 20, 'x');
  for (int i = 0; i < 60; ++i) {
    EXPECT_TRUE(source->store_all({large}));
    one.batches(1);
    std::size_t bytes = 0;
    for (const auto& segment : files.list("mem/checkpoint/received/receiver_stream-0"))
      bytes += segment.size;
    most = std::max(most, bytes);
  }
  EXPECT_LT(most, std::size_t{256} << 20);  // of 480 MiB
}

TEST_F(ReceiverRecoveryThreads, segments_go_while_a_batch_is_parked_but_for_what_it_reads) {
  const auto fails = std::make_shared<bool>(true);
  const std::string large(std::size_t{8} << 20, 'x');
  const auto build = [&](life& one, const std::shared_ptr<given>& source) {
    one.ssc.receiver_stream(source)
        .map([fails](const std::string& row) {
          if (*fails && row == "bad") throw std::runtime_error("not today");
          return row.substr(0, 10);
        })
        .write(database<std::string>{kept});
    one.start();
    source->await_start();
  };
  const auto bytes = [&] {
    std::size_t sum = 0;
    for (const auto& segment : files.list("mem/checkpoint/received/receiver_stream-0"))
      sum += segment.size;
    return sum;
  };
  {
    life one(files, "park");
    const auto source = std::make_shared<given>();
    build(one, source);
    EXPECT_TRUE(source->store_all({"bad"}));
    one.batches(1);
    std::size_t most = 0;
    for (int i = 0; i < 60; ++i) {
      EXPECT_TRUE(source->store_all({large}));
      one.batches(1);
      most = std::max(most, bytes());
    }
    EXPECT_LT(most, std::size_t{320} << 20);  // of 480 MiB
    EXPECT_EQ(kept->all().size(), 60U);
  }
  files.restart();
  life two(files, "park");
  const auto source = std::make_shared<given>();
  build(two, source);
  EXPECT_TRUE(source->store_all({"good"}));
  two.batches(1);
  EXPECT_EQ(kept->all().back(), "good");
  *fails = false;
  detail::retry_parked(files, "mem/checkpoint", batch_time(1s));
  two.batches(1);
  EXPECT_EQ(kept->all().front(), "bad");
  EXPECT_EQ(kept->all().size(), 62U);
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(source->store_all({large}));
    two.batches(1);
  }
  EXPECT_GT(files.list("mem/checkpoint/received/receiver_stream-0").front().path,
            "mem/checkpoint/received/receiver_stream-0/received-00000001");
  EXPECT_FALSE(kept->twice);
}

TEST_F(ReceiverRecoveryThreads, without_a_checkpoint_directory_the_log_is_refused) {
  streaming_context ssc(
      {.master = "local[1]", .conf = {{"spark.streaming.receiver.writeAheadLog.enable", "true"}}});
  ssc.receiver_stream(std::make_shared<given>()).for_each_rdd([](const rdd<std::string>&) {});
  try {
    ssc.start();
    FAIL();
  } catch (const usage_error& e) {
    EXPECT_NE(std::string(e.what()).find("needs a checkpoint directory"), std::string::npos);
  }
}

}  // namespace
}  // namespace millrace
