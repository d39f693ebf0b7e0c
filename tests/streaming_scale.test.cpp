// Many batches: what a batch costs in memory does not depend on how many ran before it, and none
// is left out.
#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <string>
#include <vector>

#include "stream_on_manual_clock.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::count_of;
using test::mailbox;
using test::stream_on_manual_clock;

/// Bytes that the program holds from malloc, all arenas.
std::size_t bytes_held() {
  const auto all = mallinfo2();
  return all.uordblks + all.hblkhd;
}

/// Takes the batch times; keeps only what is needed to say that each came, once and in order.
struct in_order {
  std::int64_t interval = 1000;
  std::int64_t batches = 0;
  std::int64_t last = 0;
  std::int64_t out_of_order = 0;

  void take(batch_time time) {
    if (batches != 0 && count_of(time) != last + interval) ++out_of_order;
    last = count_of(time);
    ++batches;
  }
};

TEST(StreamingScaleHeavy, forty_thousand_empty_batches_leave_nothing_behind) {
  constexpr int warm_up = 2'000;
  // The fewer, the more it weighs that the allocator holds more at one time than at another.
  constexpr int batches = 40'000;
  in_order narrow, keyed;
  test::mailbox<int> reached;
  stream_on_manual_clock s;
  const rdd_queue<int> nothing;
  const auto numbers = s.ssc.queue_stream(nothing);
  const auto odd =
      numbers.map([](int x) { return x + 1; }).filter([](int x) { return x % 2 != 0; });
  odd.union_with(numbers).for_each_rdd([&](const rdd<int>& rows, batch_time time) {
    EXPECT_EQ(rows.count(), 0);
    narrow.take(time);
  });
  numbers.map([](int x) { return std::pair{x, 1}; })
      .reduce_by_key(std::plus<>{})
      .for_each_rdd([&](const rdd<std::pair<int, int>>& rows, batch_time time) {
        EXPECT_TRUE(rows.collect().empty());
        keyed.take(time);
        if (keyed.batches == warm_up || keyed.batches == batches) reached.put(1);
      });
  s.ssc.start();

  s.tick(warm_up);
  reached.await(1);
  s.clock.await_waiters(1);
  const std::size_t before = bytes_held();
  s.tick(batches - warm_up);
  reached.await(2);
  s.clock.await_waiters(1);
  const std::size_t after = bytes_held();
  s.ssc.stop({.graceful = true});

  EXPECT_EQ(narrow.batches, batches);
  EXPECT_EQ(keyed.batches, batches);
  EXPECT_EQ(narrow.out_of_order + keyed.out_of_order, 0);
  // Less than a pointer a batch: nothing is kept of them.
  EXPECT_LT(after, before + (batches - warm_up) * sizeof(void*))
      << "held " << before << " bytes after " << warm_up << " batches, " << after << " after "
      << batches;
}

TEST(StreamingScaleHeavy, batches_of_a_millisecond_are_all_run_with_what_is_theirs) {
  constexpr int most = 5'000;
  context sc{{.name = "milliseconds", .master = "local[2]"}};
  streaming_context ssc(sc, 1ms);
  const rdd_queue<int> queue;
  for (int i = 0; i < most; ++i) queue.push(sc.parallelize({i}, 1));

  in_order times{.interval = 1};
  std::vector<int> seen;
  mailbox<int> done;
  ssc.queue_stream(queue).for_each_rdd([&](const rdd<int>& rows, batch_time time) {
    times.take(time);
    for (const int x : rows.collect()) seen.push_back(x);
    if (times.batches == most) done.put(1);
  });
  ssc.start();
  // All of them, or as many as a slow machine does: every one that ran must be the next.
  const auto until = std::chrono::steady_clock::now() + 5s;
  while (done.all().empty() && std::chrono::steady_clock::now() < until)
    EXPECT_FALSE(ssc.await_termination_for(50ms));
  ssc.stop({.graceful = true});

  EXPECT_EQ(times.out_of_order, 0);
  EXPECT_GT(times.batches, 0);
  std::vector<int> expected;
  for (int i = 0; i < std::min<int>(most, static_cast<int>(times.batches)); ++i)
    expected.push_back(i);
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace millrace
