// Streams that die and are started again on their checkpoint directory.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "millrace/testing.hpp"
#include "recovery_rig.hpp"
#include "streaming/recovery/checkpoint_directory.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace test;

TEST(Recovery, a_new_run_goes_on_where_the_last_one_ended) {
  crashing_files files;
  const auto rows = new_ledger();
  {
    run first(files, numbers_to(rows));
    EXPECT_EQ(first.start(), detail::time_point_ms(0ms));
    first.until(3s);
  }
  files.restart();
  {
    run second(files, numbers_to(rows, 1001));
    EXPECT_EQ(second.start(), detail::time_point_ms(3s));
    second.until(5s);
  }
  EXPECT_EQ(rows->all(), consecutive(1, 25));
  EXPECT_EQ(rows->batches.size(), 5U);
  EXPECT_TRUE(rows->wrong.empty());
}

/// Lets the program die at each change of its file system in turn, once more while it recovers, and
/// then live.
void die_everywhere(crashing_files::after_crash how) {
  int deaths = 0;
  for (std::int64_t n = 1;; ++n, ++deaths) {
    SCOPED_TRACE("dies at change " + std::to_string(n));
    crashing_files files;
    const auto rows = new_ledger();
    files.die_at(n, how);
    if (live(files, rows, 1)) break;
    files.restart();
    files.die_at(1 + n % 17, how);
    live(files, rows, 1001);
    files.restart();
    ASSERT_TRUE(live(files, rows, 2001));
    expect_nothing_lost(*rows);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(deaths, 50);
}

TEST(Recovery, dies_at_every_change_of_the_disk) {
  die_everywhere(crashing_files::after_crash::all_is_there);
}

TEST(Recovery, dies_at_every_change_and_what_was_not_synced_is_gone) {
  die_everywhere(crashing_files::after_crash::synced_alone);
}

TEST(Recovery, dies_within_every_write) {
  die_everywhere(crashing_files::after_crash::last_write_in_half);
}

/// What state and windows give, by batch.
struct kept_ledgers {
  std::shared_ptr<ledger<std::pair<int, std::int64_t>>> sums =
      std::make_shared<ledger<std::pair<int, std::int64_t>>>();
  std::shared_ptr<ledger<std::pair<int, std::int64_t>>> window =
      std::make_shared<ledger<std::pair<int, std::int64_t>>>();
  std::shared_ptr<ledger<std::pair<int, std::int64_t>>> inverse =
      std::make_shared<ledger<std::pair<int, std::int64_t>>>();
  std::shared_ptr<ledger<int>> rows = new_ledger();

  void build(streaming_context& ssc, int from) const {
    using sink = ledger_sink<std::pair<int, std::int64_t>>;
    const auto in = ssc.stream(numbers{.at = from});
    const auto by_key = in.map([](int x) { return std::pair{x % 7, std::int64_t{x}}; });
    by_key
        .map_with_state<std::int64_t>(
            [](int key, const std::int64_t* value, state<std::int64_t>& sum) {
              sum.update(sum.get_or(0) + *value);
              return std::pair{key, sum.get()};
            })
        .write(sink{sums});
    by_key.reduce_by_key_and_window(std::plus<>{}, {.length = 3s, .slide = 1s}).write(sink{window});
    by_key.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, {.length = 4s, .slide = 2s})
        .write(sink{inverse});
    in.window({.length = 2s, .slide = 1s}).write(ledger_sink<int>{rows});
  }
  bool live(crashing_files& files, int from, const settings_list& conf) const {
    try {
      run one(files, [&](streaming_context& ssc) { build(ssc, from); }, conf);
      one.start();
      one.until(10s);
    } catch (const error&) {
      return false;
    }
    return !files.dead();
  }
  friend bool operator==(const kept_ledgers& a, const kept_ledgers& b) {
    return a.sums->batches == b.sums->batches && a.window->batches == b.window->batches &&
           a.inverse->batches == b.inverse->batches && a.rows->batches == b.rows->batches;
  }
};

/// With state: what its outputs are must be what they are of a program that never dies.
void die_with_state(crashing_files::after_crash how, std::int64_t stride) {
  const settings_list conf{{"streaming.checkpoint.interval", "2s"}, {"default.parallelism", "2"}};
  std::vector<kept_ledgers> wanted(3);
  for (int i = 0; i < 3; ++i) {
    crashing_files files;
    ASSERT_TRUE(wanted[static_cast<std::size_t>(i)].live(files, 1 + 1000 * i, conf));
  }
  ASSERT_EQ(wanted[0].sums->batches.size(), 10U);
  ASSERT_EQ(wanted[0].inverse->batches.size(), 5U);
  int deaths = 0;
  for (std::int64_t n = 1;; n += stride, ++deaths) {
    SCOPED_TRACE("dies at change " + std::to_string(n));
    crashing_files files;
    const kept_ledgers seen;
    files.die_at(n, how);
    if (seen.live(files, 1, conf)) break;
    files.restart();
    files.die_at(1 + n % 31, how);
    seen.live(files, 1001, conf);
    files.restart();
    ASSERT_TRUE(seen.live(files, 2001, conf));
    const int first = seen.rows->batches.begin()->second.front();
    EXPECT_TRUE(seen == wanted[static_cast<std::size_t>(first / 1000)]);
    EXPECT_TRUE(seen.sums->wrong.empty());
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(deaths, 20);
}

TEST(Recovery, state_and_windows_are_right_wherever_it_dies) {
  die_with_state(crashing_files::after_crash::all_is_there, 1);
}

TEST(Recovery, state_and_windows_are_right_after_a_power_cut) {
  die_with_state(crashing_files::after_crash::synced_alone, 3);
}

TEST(Recovery, state_that_is_gone_is_named) {
  crashing_files files;
  const kept_ledgers seen;
  ASSERT_TRUE(seen.live(files, 1, {}));
  files.restart();
  run second(files, [&](streaming_context& ssc) {
    ssc.stream(numbers{}).window({.length = 2s, .slide = 1s}).write(ledger_sink<int>{seen.rows});
  });
  const std::string text = refusal([&] { second.start(); });
  EXPECT_NE(text.find("\n  - state: map_with_state of (int32, int64)\n"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("rows of window"), std::string::npos) << text;
}

TEST(Recovery, every_flipped_byte_is_refused_or_changes_nothing) {
  crashing_files files;
  const auto before = new_ledger();
  {
    run first(files, numbers_to(before), {{"streaming.checkpoint.interval", "2s"}});
    first.start();
    first.until(5s);
    files.die_at(1, crashing_files::after_crash::all_is_there);
  }
  const auto image = files.all();
  const auto saved = before->batches;
  int refused = 0;
  int same = 0;
  for (const auto& [path, bytes] : image) {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      SCOPED_TRACE(path + " at " + std::to_string(at));
      auto damaged = image;
      damaged[path][at] = static_cast<char>(damaged[path][at] ^ (1 << at % 8));
      crashing_files copy;
      copy.set(damaged);
      const auto rows = new_ledger();
      rows->batches = saved;
      try {
        run second(copy, numbers_to(rows, 2001));
        second.start();
        second.until(7s);
      } catch (const error&) {
        ++refused;
        EXPECT_EQ(rows->batches, saved);
        continue;
      }
      ++same;
      ASSERT_EQ(rows->all(), consecutive(1, 35));
      ASSERT_TRUE(rows->wrong.empty());
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(same, 0);
}

TEST(Recovery, damage_to_the_entry_of_a_batch_that_was_seen_is_no_torn_end) {
  crashing_files files;
  const auto before = new_ledger();
  {
    run first(files, numbers_to(before), {{"streaming.checkpoint.interval", "1h"}});
    first.start();
    first.until(2s);
    // The batch's entry, the sync, that it was synced; then its mark is to be written.
    files.die_at(4, crashing_files::after_crash::all_is_there);
    EXPECT_THROW(first.until(3s), error);
  }
  ASSERT_EQ(before->batches.size(), 3U);
  const auto image = files.all();
  const auto log = std::find_if(image.rbegin(), image.rend(), [](const auto& one) {
    return one.first.find("/log-") != std::string::npos;
  });
  int refused = 0;
  for (std::size_t at = 0; at < log->second.size(); ++at) {
    SCOPED_TRACE(log->first + " at " + std::to_string(at));
    auto damaged = image;
    damaged[log->first][at] = static_cast<char>(damaged[log->first][at] ^ (1 << at % 8));
    crashing_files copy;
    copy.set(damaged);
    const auto rows = new_ledger();
    rows->batches = before->batches;
    try {
      // Another range for the same batch would leave some out, for the sink has the batch.
      run second(copy, [&](streaming_context& ssc) {
        ssc.stream(numbers{.a_batch = 7}).write(ledger_sink<int>{rows});
      });
      second.start();
      second.until(5s);
    } catch (const error&) {
      ++refused;
      EXPECT_EQ(rows->batches, before->batches);
      continue;
    }
    ASSERT_EQ(rows->all(), consecutive(1, 15 + 14));
  }
  EXPECT_GT(refused, 100);
}

TEST(Recovery, two_programs_on_one_directory_are_refused) {
  crashing_files files;
  run first(files, numbers_to(new_ledger()));
  first.start();
  first.until(1s);
  EXPECT_NE(refusal([&] {
              detail::checkpoint_directory(files, "mem/checkpoint");
            }).find("another program is using this checkpoint directory"),
            std::string::npos);
  first.until(2s);
}

TEST(Recovery, a_run_that_was_taken_over_writes_no_more) {
  crashing_files files;
  const auto rows = new_ledger();
  run zombie(files, numbers_to(rows));
  zombie.start();
  zombie.until(2s);
  files.restart();  // its lock is gone, as on a file system that lost sight of it
  detail::checkpoint_directory next(files, "mem/checkpoint");
  EXPECT_EQ(next.take_over().now->last, detail::time_point_ms(2s));
  try {
    zombie.until(3s);
    FAIL() << "the older run went on";
  } catch (const stream_error& e) {
    EXPECT_NE(std::string(e.what()).find("another program has taken the directory over"),
              std::string::npos)
        << e.what();
  }
  EXPECT_EQ(rows->batches.size(), 2U);
}

TEST(Recovery, missed_batches_are_made_up_for_or_merged) {
  for (const bool merge : {false, true}) {
    crashing_files files;
    const auto rows = new_ledger();
    {
      run first(files, numbers_to(rows));
      first.start();
      first.until(2s);
    }
    files.restart();
    run second(files, numbers_to(rows, 1001),
               {{"streaming.recovery.mergeMissedBatches", merge ? "true" : "false"}}, 6s);
    EXPECT_EQ(second.start(2s), detail::time_point_ms(2s));
    second.until(7s);
    // One for 3, 4, 5 and 6 s, and that of 7 s.
    EXPECT_EQ(rows->batches.size(), merge ? 4U : 7U);
    EXPECT_EQ(rows->all(), consecutive(1, merge ? 20 : 35));
  }
}

TEST(Recovery, inputs_that_are_gone_are_named) {
  crashing_files files;
  const auto rows = new_ledger();
  {
    run first(files, [rows](streaming_context& ssc) {
      ssc.stream(numbers{}).named("clicks").write(ledger_sink<int>{rows});
    });
    first.start();
    first.until(2s);
  }
  files.restart();
  const run::build other = [rows](streaming_context& ssc) {
    ssc.stream(numbers{}).named("views").write(ledger_sink<int>{rows});
  };
  {
    run second(files, other);
    const std::string text = refusal([&] { second.start(); });
    EXPECT_NE(text.find("where the input \"clicks\" is, with ranges of (int32, int32)"),
              std::string::npos)
        << text;
  }
  run third(files, other, {{"streaming.recovery.dropUnmatched", "true"}});
  third.start();
  third.until(3s);
  EXPECT_EQ(rows->batches.rbegin()->second, (std::vector<int>{1, 2, 3, 4, 5}));
}

TEST(Recovery, queue_streams_are_refused) {
  crashing_files files;
  const run::build graph = [](streaming_context& ssc) {
    ssc.queue_stream(rdd_queue<int>{}).for_each_rdd([](const rdd<int>&) {});
  };
  {
    run first(files, graph);
    first.start();
    first.until(1s);
  }
  files.restart();
  run second(files, graph);
  EXPECT_NE(refusal([&] { second.start(); }).find("queue streams can't be recovered"),
            std::string::npos);
}

TEST(Recovery, another_batch_interval_is_refused) {
  crashing_files files;
  {
    run first(files, numbers_to(new_ledger()));
    first.start();
    first.until(1s);
  }
  files.restart();
  detail::manual_clock clock;
  const context sc = test::stream_on_manual_clock::make_context(&clock, {});
  streaming_context ssc(sc, 500ms);
  ssc.core()->checkpoint("mem/checkpoint");
  ssc.core()->checkpoint_on(files);
  ssc.stream(numbers{}).print();
  EXPECT_NE(
      refusal([&] { ssc.core()->start_stepped(); }).find("batches of another length: 1000 ms"),
      std::string::npos);
  ssc.stop();
}

/// Tells somebody which ranges are done.
struct told_numbers : numbers {
  void committed(const range& r) { done->push_back(r.from); }
  std::shared_ptr<std::vector<int>> done = std::make_shared<std::vector<int>>();
};

TEST(Recovery, sources_hear_of_batches_whose_mark_is_on_the_disk) {
  crashing_files files;
  const told_numbers source;
  run one(files, [&](streaming_context& ssc) { ssc.stream(source).print(0); });
  ::testing::internal::CaptureStdout();
  one.start();
  one.until(3s);
  // That of the third batch is written, and may be lost if the power fails now.
  EXPECT_EQ(*source.done, (std::vector<int>{1, 6}));
  one.until(4s);
  ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(*source.done, (std::vector<int>{1, 6, 11}));
}

TEST(RecoveryThreads, batches_whose_time_has_come_share_a_sync) {
  crashing_files files;
  const auto rows = new_ledger();
  test::stream_on_manual_clock s(1s, 0ms, {{"streaming.checkpoint.interval", "1h"}});
  s.ssc.core()->checkpoint("mem/checkpoint");
  s.ssc.core()->checkpoint_on(files);
  test::mailbox<batch_time> done;
  const auto numbers_in = s.ssc.stream(numbers{});
  numbers_in.write(ledger_sink<int>{rows});
  numbers_in.for_each_rdd([&](const rdd<int>&, batch_time time) { done.put(time); });
  s.ssc.start();
  s.tick();
  done.await(1);
  s.clock.await_waiters(1);
  const std::int64_t before = files.syncs();
  s.clock.advance(20s);
  done.await(21);
  EXPECT_EQ(files.syncs() - before, 1);
  s.ssc.stop({.graceful = true});
  EXPECT_EQ(rows->all(), consecutive(1, 5 * 21));
}

TEST(RecoveryThreads, a_stop_does_not_wait_for_batches_that_are_left_out) {
  crashing_files files;
  test::stream_on_manual_clock s(1s, 0ms, {{"streaming.checkpoint.interval", "1s"}});
  s.ssc.core()->checkpoint("mem/checkpoint");
  s.ssc.core()->checkpoint_on(files);
  test::gate gate;
  test::mailbox<batch_time> begun;
  s.ssc.stream(numbers{}).for_each_rdd([&](const rdd<int>&, batch_time time) {
    begun.put(time);
    gate.pass();
  });
  s.ssc.start();
  s.tick(4);  // a checkpoint is due behind the first, which does not end
  begun.await(1);
  std::thread stopping([&] { s.ssc.stop(); });
  while (s.ssc.core()->waiting_batches() != 0) std::this_thread::yield();
  gate.open();
  stopping.join();
  EXPECT_EQ(begun.all().size(), 1U);
}

TEST(RecoveryThreads, checkpoints_are_written_behind_batches) {
  crashing_files files;
  const auto rows = new_ledger();
  for (int life = 0; life < 2; ++life) {
    test::stream_on_manual_clock s(1s, std::chrono::seconds(10 * life));
    s.ssc.core()->checkpoint("mem/checkpoint");
    s.ssc.core()->checkpoint_on(files);
    test::mailbox<batch_time> done;
    const auto numbers_in = s.ssc.stream(numbers{.at = 1 + 1000 * life});
    numbers_in.write(ledger_sink<int>{rows});
    numbers_in.for_each_rdd([&](const rdd<int>&, batch_time time) { done.put(time); });
    s.ssc.start();
    s.tick(10);
    done.await(10);
    s.ssc.stop({.graceful = true});
  }
  EXPECT_EQ(rows->all(), consecutive(1, 100));
  const auto contents = detail::read_contents(files, "mem/checkpoint");
  EXPECT_EQ(contents.now->last, batch_time(20s));
  EXPECT_GE(contents.now->as_of, batch_time(18s));
  EXPECT_LE(contents.generations.size(), 3U);
}

TEST(Recovery, accumulators_come_back_and_count_once) {
  crashing_files files;
  const auto rows = new_ledger();
  std::int64_t sum = 0;
  const run::build graph = [&](streaming_context& ssc) {
    const auto seen = ssc.context().accumulator<std::int64_t>("seen");
    ssc.stream(numbers{})
        .map([seen](int x) {
          seen += 1;
          return x;
        })
        .write(ledger_sink<int>{rows});
    ssc.stream(numbers{}).named("again").for_each_rdd(
        [seen, &sum](const rdd<int>&) { sum = seen.value(); });
  };
  {
    run first(files, graph);
    first.start();
    first.until(3s);
    EXPECT_EQ(sum, 15);
  }
  files.restart();
  run second(files, graph);
  second.start();
  second.until(5s);
  EXPECT_EQ(sum, 25);
}

TEST(RecoveryThreads, accumulators_are_exact_while_batches_overlap) {
  crashing_files files;
  const settings_list conf{{"streaming.concurrentJobs", "2"},
                           {"streaming.checkpoint.interval", "1h"}};
  std::int64_t sum = 0;
  {
    test::stream_on_manual_clock s(1s, 0ms, conf);
    s.ssc.core()->checkpoint("mem/checkpoint");
    s.ssc.core()->checkpoint_on(files);
    test::mailbox<batch_time> counted;
    test::mailbox<batch_time> done;
    test::gate first;
    test::gate second;
    struct told : streaming_listener {
      explicit told(test::mailbox<batch_time>& mailbox) : to(mailbox) {}
      void batch_completed(const batch_info& info) override { to.put(info.batch_time); }
      test::mailbox<batch_time>& to;
    } listener(done);
    s.ssc.add_listener(listener);
    const auto seen = s.sc.accumulator<std::int64_t>("seen");
    s.ssc.stream(numbers{}).for_each_rdd([&, seen](const rdd<int>& rows, batch_time time) {
      rows.for_each([seen](int) { seen += 1; });
      seen += 100;
      counted.put(time);
      (time == batch_time(1s) ? first : second).pass();
    });
    s.ssc.start();
    s.tick(2);
    counted.await(2);
    EXPECT_EQ(seen.value(), 210);
    first.open();
    done.await(1);
    files.die_at(1, crashing_files::after_crash::all_is_there);
    second.open();
    EXPECT_THROW(s.ssc.await_termination(), stream_error);
    s.ssc.remove_listener(listener);
  }
  files.restart();
  run second(files, [&](streaming_context& ssc) {
    const auto seen = ssc.context().accumulator<std::int64_t>("seen");
    ssc.stream(numbers{}).for_each_rdd([seen, &sum](const rdd<int>& rows) {
      rows.for_each([seen](int) { seen += 1; });
      seen += 100;
      sum = seen.value();
    });
  });
  second.start();
  EXPECT_EQ(sum, 210);  // the second batch ran again
  second.until(3s);
  EXPECT_EQ(sum, 315);
}

}  // namespace
}  // namespace millrace
