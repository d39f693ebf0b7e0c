// Disks that fail and disks that are full, under the checkpoint directory of a stream.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "millrace/detail/base/events.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/millrace.hpp"
#include "recovery_rig.hpp"
#include "streaming/recovery/checkpoint_directory.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace test;
using failure = crashing_files::failure;

/// Batches of so many numbers each, a checkpoint with every second one.
const settings_list often{{"streaming.checkpoint.interval", "2s"}};

class RecoveryFaults : public ::testing::Test {
 protected:
  RecoveryFaults() { detail::set_log_level(detail::log_level::off); }
  ~RecoveryFaults() override { detail::set_log_level(detail::log_level::warn); }

  /// Each change of a script of so many batches fails once, in that way. How many of these runs
  /// went on by themselves, of how many.
  struct outcome {
    int went_on = 0;
    int began = 0;
    int all = 0;
  };
  static outcome fail_everywhere(failure how, int batches) {
    outcome seen;
    for (std::int64_t n = 1;; ++n) {
      SCOPED_TRACE("fails at change " + std::to_string(n));
      crashing_files files;
      files.fail_at(n, how);
      const auto rows = new_ledger();
      const auto the_end = std::chrono::seconds(batches);
      bool began = false;
      bool ended = false;
      std::string why;
      try {
        run one(files, numbers_to(rows), often);
        one.start();
        began = true;
        one.until(the_end);
        ended = true;
      } catch (const error& e) {
        why = e.what();
      }
      const bool over = files.changes() < n;
      files.restart();
      {
        run two(files, numbers_to(rows, began ? 1001 : 1), often);
        two.start();
        two.until(the_end + 1s);
      }
      const std::vector<int> all = rows->all();
      EXPECT_EQ(all, consecutive(all.empty() ? 1 : all.front(), 5 * (batches + 1))) << why;
      EXPECT_TRUE(rows->wrong.empty());
      if (over || ::testing::Test::HasFailure()) return seen;
      ++seen.all;
      seen.began += began ? 1 : 0;
      seen.went_on += ended ? 1 : 0;
    }
  }
};

TEST_F(RecoveryFaults, an_error_of_the_disk_stops_the_stream_and_loses_nothing) {
  for (const failure how : {failure::io, failure::read_only}) {
    const outcome seen = fail_everywhere(how, 8);
    EXPECT_GT(seen.all, 80);
    EXPECT_LT(seen.went_on, seen.all / 2);
  }
}

TEST_F(RecoveryFaults, a_disk_that_is_full_once_stops_nothing_that_has_begun) {
  for (const failure how : {failure::full, failure::full_within_write}) {
    const outcome seen = fail_everywhere(how, 8);
    EXPECT_GT(seen.began, 60);
    // But for changes that take no room.
    EXPECT_EQ(seen.went_on, seen.began);
  }
}

}  // namespace

// ---- while it stays full

namespace {

class RecoveryFaultsThreads : public RecoveryFaults {
 protected:
  /// For as long as what it gives lives.
  static auto listen_for_waits(const stream_on_manual_clock& s, mailbox<std::string>& waits) {
    return s.sc.core()->events().subscribe([&waits](const detail::event& e) {
      if (e.what == detail::event::kind::streaming_behind) waits.put(e.text);
    });
  }
};

TEST_F(RecoveryFaultsThreads, a_full_disk_is_waited_for_and_nothing_is_read_meanwhile) {
  crashing_files files;
  const auto rows = new_ledger();
  {
    stream_on_manual_clock s(1s, 0ms, often);
    s.ssc.core()->checkpoint("mem/checkpoint");
    s.ssc.core()->checkpoint_on(files);
    mailbox<batch_time> done;
    mailbox<std::string> waits;
    const auto subscription = listen_for_waits(s, waits);
    const auto source = s.ssc.stream(numbers{});
    source.write(ledger_sink<int>{rows});
    source.for_each_rdd([&](const rdd<int>&, batch_time time) { done.put(time); });
    s.ssc.start();
    s.tick(5);
    done.await(5);
    files.fill();
    s.tick(1);
    EXPECT_NE(waits.await(1)[0].find("the batch log waits until there is room on the disk, and "
                                     "nothing is read meanwhile: "),
              std::string::npos);
    EXPECT_NE(waits.all()[0].find("No space left on device"), std::string::npos);
    s.clock.advance(6s);
    EXPECT_EQ(done.all().size(), 5U);
    files.fill(false);
    done.await(12);
    s.tick(3);
    done.await(15);
    EXPECT_EQ(waits.all().size(), 1U);
    s.ssc.stop({.graceful = true});
  }
  files.restart();
  run two(files, numbers_to(rows, 1001));
  EXPECT_EQ(two.start(), batch_time(15s));
  two.until(17s);
  EXPECT_EQ(rows->all(), consecutive(1, 5 * 17));
  EXPECT_TRUE(rows->wrong.empty());
}

TEST_F(RecoveryFaultsThreads, a_stop_does_not_wait_for_a_disk_that_stays_full) {
  crashing_files files;
  const auto rows = new_ledger();
  {
    stream_on_manual_clock s(1s, 0ms, often);
    s.ssc.core()->checkpoint("mem/checkpoint");
    s.ssc.core()->checkpoint_on(files);
    mailbox<std::string> waits;
    const auto subscription = listen_for_waits(s, waits);
    s.ssc.stream(numbers{}).write(ledger_sink<int>{rows});
    s.ssc.start();
    s.tick(1);
    s.clock.await_waiters(1);
    files.fill();
    s.tick(1);
    waits.await(1);
    s.ssc.stop();
  }
  files.fill(false);
  files.restart();
  run two(files, numbers_to(rows, 1001));
  two.start();
  two.until(4s);
  EXPECT_EQ(rows->all(), consecutive(1, 5 * 4));
}

/// Fails for want of room, as often as it is told to.
struct full_sink {
  std::shared_ptr<ledger<int>> to;
  std::shared_ptr<std::atomic<int>> times;

  std::vector<int> prepare(const output_id&, partition_rows<int>& rows) const {
    std::vector<int> all;
    for (const int row : rows) all.push_back(row);
    if (--*times >= 0) detail::throw_system_error("writing failed", ENOSPC);
    return all;
  }
  bool committed(batch_time time) const { return ledger_sink<int>{to}.committed(time); }
  void commit(batch_time time, std::vector<std::vector<int>> receipts) const {
    if (--*times >= 0) detail::throw_system_error("renaming failed", EDQUOT);
    ledger_sink<int>{to}.commit(time, std::move(receipts));
  }
};

/// Runs three batches; the first `without_room` calls of the second find no room.
void run_three(stream_on_manual_clock& s, mailbox<batch_time>& done, std::atomic<int>& left,
               int without_room) {
  s.ssc.start();
  for (const std::size_t batch : {1U, 2U, 3U}) {
    if (batch == 2) left = without_room;
    s.tick(1);
    done.await(batch);
  }
  s.ssc.stop({.graceful = true});
}

TEST_F(RecoveryFaultsThreads, an_output_without_room_runs_again_and_counts_once) {
  for (const bool logged : {true, false}) {
    crashing_files files;
    const auto rows = new_ledger();
    const auto times = std::make_shared<std::atomic<int>>(0);
    std::int64_t sum = 0;
    stream_on_manual_clock s(1s);
    if (logged) {
      s.ssc.core()->checkpoint("mem/checkpoint");
      s.ssc.core()->checkpoint_on(files);
    }
    mailbox<batch_time> done;
    const auto seen = s.sc.accumulator<std::int64_t>("seen");
    s.ssc.stream(numbers{})
        .map([seen](int x) {
          seen += 1;
          return x;
        })
        .write(full_sink{rows, times});
    s.ssc.stream(numbers{}).for_each_rdd([&, seen](const rdd<int>&, batch_time time) {
      sum = seen.value();
      done.put(time);
    });
    run_three(s, done, *times, 5);
    EXPECT_EQ(sum, 15);
    EXPECT_EQ(rows->all(), consecutive(1, 15));
  }
}

TEST_F(RecoveryFaultsThreads,
       an_output_that_has_run_does_not_run_again_for_want_of_room_elsewhere) {
  const auto times = std::make_shared<std::atomic<int>>(0);
  std::atomic<int> runs{0};
  stream_on_manual_clock s(1s);
  mailbox<batch_time> done;
  // It reads nothing, so state is computed once it is done.
  s.ssc.stream(numbers{})
      .map([](int x) { return std::pair{x, x}; })
      .map_with_state<int>([times](int key, const int*, state<int>& one) {
        if (--*times >= 0) detail::throw_system_error("writing failed", ENOSPC);
        one.update(key);
        return key;
      })
      .for_each_rdd([&](const rdd<int>&, batch_time time) {
        ++runs;
        done.put(time);
      });
  run_three(s, done, *times, 3);
  EXPECT_LT(*times, 0);
  EXPECT_EQ(runs, 3);
}

}  // namespace
}  // namespace millrace
