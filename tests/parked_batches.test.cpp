// Batches that fail while later ones go on: kept for a re-run, given up, or run again with the next
// start (streaming.onBatchFailure).
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/testing.hpp"
#include "recovery_rig.hpp"
#include "streaming/recovery/checkpoint_directory.hpp"
#include "streaming/recovery/parked_batches.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace test;

/// Fails for one batch, as long as it is told to.
struct moody_sink {
  std::shared_ptr<ledger<int>> to;
  batch_time bad;
  std::shared_ptr<bool> fails;

  void write(const output_id& id, partition_rows<int>& rows) const {
    if (*fails && id.batch == bad) throw std::runtime_error("not today");
    const std::lock_guard lock(to->mutex);
    std::vector<int>& batch = to->batches[id.batch];
    for (const int row : rows) batch.push_back(row);
    std::sort(batch.begin(), batch.end());  // tasks of a batch end in any order
  }
};

settings_list on_failure(const std::string& policy) {
  return {{"streaming.onBatchFailure", policy}};
}

/// A program whose batch of the time 2 s fails while `fails` says so, and its disk.
struct one_bad_batch {
  run live(const std::string& policy) {
    return run(
        files,
        [this](streaming_context& ssc) {
          ssc.stream(numbers{}).write(moody_sink{rows, batch_time(2s), fails});
        },
        on_failure(policy));
  }
  /// A life of four batches, and its end.
  void live_four_batches(const std::string& policy) {
    {
      run one = live(policy);
      one.start();
      one.until(4s);
      EXPECT_EQ(rows->batches.size(), 3U);
    }
    files.restart();
  }
  auto batches() { return detail::read_contents(files, "mem/checkpoint").now->batches; }
  void retry(batch_time time = batch_time(2s)) {
    detail::retry_parked(files, "mem/checkpoint", time);
  }
  auto requests() { return detail::parked_requests(files, "mem/checkpoint"); }

  crashing_files files;
  std::shared_ptr<ledger<int>> rows = new_ledger();
  std::shared_ptr<bool> fails = std::make_shared<bool>(true);
};

TEST(ParkedBatches, one_that_failed_is_parked_and_runs_again_when_told) {
  one_bad_batch p;
  p.live_four_batches("park");
  const auto parked = p.batches();
  ASSERT_EQ(parked.size(), 1U);
  EXPECT_EQ(parked[0].time, batch_time(2s));
  EXPECT_NE(parked[0].reason.find("not today"), std::string::npos);
  EXPECT_NE(
      refusal([&] { p.retry(batch_time(3s)); }).find("no batch of this time is parked: 3000 ms"),
      std::string::npos);
  p.retry();
  *p.fails = false;
  {
    run second = p.live("park");
    EXPECT_EQ(second.start(), batch_time(4s));
    second.until(6s);
  }
  EXPECT_EQ(p.rows->all(), consecutive(1, 30));
  EXPECT_TRUE(p.batches().empty());
  EXPECT_TRUE(p.requests().empty());
}

TEST(ParkedBatches, one_runs_again_while_the_program_runs) {
  one_bad_batch p;
  const auto retry = [&] {
    p.retry();
    EXPECT_EQ(p.requests().size(), 1U);
  };
  {
    run one = p.live("park");
    one.start();
    one.until(4s);
    retry();
    one.until(5s);
    EXPECT_EQ(p.rows->batches.size(), 4U);  // it fails once more
    EXPECT_TRUE(p.requests().empty());
    EXPECT_EQ(p.batches()[0].status, detail::batch_status::parked);
    one.until(8s);  // the checkpoint in which it was begun is gone
    *p.fails = false;
    retry();
    one.until(9s);
  }
  EXPECT_EQ(p.rows->all(), consecutive(1, 45));
  EXPECT_TRUE(p.batches().empty());
}

TEST(ParkedBatches, a_retry_survives_the_program_wherever_it_dies) {
  for (std::int64_t n = 1;; ++n) {
    SCOPED_TRACE("dies at change " + std::to_string(n));
    one_bad_batch p;
    bool died = false;
    {
      run first = p.live("park");
      first.start();
      first.until(3s);
      p.retry();
      *p.fails = false;
      p.files.die_at(n, crashing_files::after_crash::synced_alone);
      try {
        first.until(5s);
      } catch (const error&) {
        died = true;
      }
    }
    if (!p.files.dead() && !died) break;
    p.files.restart();
    run second = p.live("park");
    second.start();
    second.until(6s);
    // The sink may see a batch twice.
    for (auto& [time, batch] : p.rows->batches)
      batch.erase(std::unique(batch.begin(), batch.end()), batch.end());
    ASSERT_EQ(p.rows->all(), consecutive(1, 30));
  }
}

TEST(ParkedBatches, one_can_be_given_up) {
  one_bad_batch p;
  run one = p.live("park");
  one.start();
  one.until(3s);
  detail::discard_parked(p.files, "mem/checkpoint", batch_time(2s));
  one.until(5s);
  EXPECT_EQ(p.rows->batches.size(), 4U);
  EXPECT_TRUE(p.requests().empty());
  const auto batches = p.batches();
  EXPECT_TRUE(std::none_of(batches.begin(), batches.end(),
                           [](const auto& batch) { return batch.time == batch_time(2s); }));
}

TEST(ParkedBatches, what_one_adds_counts_when_it_is_done) {
  crashing_files files;
  const auto fails = std::make_shared<bool>(true);
  std::int64_t sum = 0;
  const run::build graph = [&](streaming_context& ssc) {
    const auto seen = ssc.context().accumulator<std::int64_t>("seen");
    ssc.stream(numbers{}).for_each_rdd([=, &sum](const rdd<int>& rows, batch_time time) {
      rows.for_each([seen](int) { seen += 1; });
      sum = seen.value();
      if (*fails && time == batch_time(2s)) throw std::runtime_error("not today");
    });
  };
  {
    run first(files, graph, on_failure("park"));
    first.start();
    first.until(2s);
    EXPECT_EQ(sum, 10);
    first.until(3s);
    EXPECT_EQ(sum, 10);
  }
  files.restart();
  run second(files, graph, on_failure("park"));
  second.start();
  second.until(4s);
  EXPECT_EQ(sum, 15);
}

/// Knows no more than which batch came last.
struct marking_sink {
  static constexpr bool commits_in_order = true;
  int prepare(const output_id&, partition_rows<int>&) const { return 0; }
  void commit(batch_time, const std::vector<int>&) const {}
};

TEST(ParkedBatches, are_refused_where_a_batch_could_not_run_again) {
  const settings_list park = on_failure("park");
  crashing_files files;
  run queue(
      files, [](streaming_context& ssc) { ssc.queue_stream(rdd_queue<int>{}).print(); }, park);
  EXPECT_NE(refusal([&] { queue.start(); }).find("can't be read twice"), std::string::npos);
  run state(
      files,
      [](streaming_context& ssc) {
        ssc.stream(numbers{})
            .map([](int x) { return std::pair{x % 2, x}; })
            .update_state_by_key<int>([](std::span<const int>, std::optional<int> s) { return s; })
            .print();
      },
      park);
  EXPECT_NE(refusal([&] { state.start(); }).find("batches follow from one another"),
            std::string::npos);
  run in_order(
      files, [](streaming_context& ssc) { ssc.stream(numbers{}).write(marking_sink{}); }, park);
  EXPECT_NE(refusal([&] { in_order.start(); }).find("only knows which it committed last"),
            std::string::npos);
  testing::stream_fixture none({.conf = park});
  none.streaming().stream(numbers{}).print();
  EXPECT_NE(refusal([&] { none.advance(); }).find("there is no checkpoint directory"),
            std::string::npos);
  testing::stream_fixture other({.conf = on_failure("shrug")});
  other.streaming().stream(numbers{}).print();
  EXPECT_NE(refusal([&] { other.advance(); }).find("is stop, park or report: \"shrug\""),
            std::string::npos);
}

TEST(ReportedBatches, one_that_failed_runs_again_with_the_next_start) {
  one_bad_batch p;
  p.live_four_batches("report");
  *p.fails = false;
  {
    run second = p.live("report");
    second.start();
    second.until(5s);
  }
  EXPECT_EQ(p.rows->all(), consecutive(1, 25));
  EXPECT_TRUE(p.batches().empty());
}

TEST(ReportedBatches, one_that_failed_is_reported_where_it_cannot_be_kept) {
  testing::stream_fixture s({.conf = on_failure("report")});
  const auto rows = new_ledger();
  const auto fails = std::make_shared<bool>(true);
  s.streaming().stream(numbers{}).write(moody_sink{rows, batch_time(2s), fails});
  s.advance(4);
  EXPECT_EQ(rows->batches.size(), 3U);
}

}  // namespace
}  // namespace millrace
