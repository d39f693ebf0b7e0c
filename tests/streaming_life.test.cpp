// A streaming context from start to stop, on its own threads.
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "stream_on_manual_clock.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using test::count_of;
using test::gate;
using test::mailbox;
using test::stream_on_manual_clock;
using times = std::vector<std::int64_t>;

/// Something to put outputs on: the same three rows every batch.
dstream<int> numbers(const stream_on_manual_clock& s) {
  return s.ssc.constant_stream(s.sc.parallelize({1, 2, 3}));
}

TEST(StreamingLifeThreads, batch_times_are_multiples_of_the_interval) {
  mailbox<std::int64_t> seen;
  stream_on_manual_clock s{1s, 12'345ms};
  numbers(s).for_each_rdd([&](const rdd<int>&, batch_time t) { seen.put(count_of(t)); });
  s.ssc.start();
  s.clock.await_waiters(1);
  s.clock.advance(654ms);
  s.clock.await_waiters(1);
  EXPECT_TRUE(seen.all().empty());
  s.clock.advance(1ms);
  s.tick(2);
  EXPECT_EQ(seen.await(3), (times{13'000, 14'000, 15'000}));
  s.ssc.stop();
}

TEST(StreamingLifeThreads, an_overrun_delays_batches_and_leaves_none_out) {
  mailbox<std::int64_t> begun, seen;
  gate go;
  stream_on_manual_clock s;
  numbers(s).for_each_rdd([&](const rdd<int>&, batch_time t) {
    begun.put(count_of(t));
    if (count_of(t) == 1000) go.pass();
    seen.put(count_of(t));
  });
  s.ssc.start();
  s.tick(1);
  begun.await(1);
  s.clock.await_waiters(1);
  s.clock.advance(5s);       // five at once,
  s.clock.await_waiters(1);  // all made while the first one runs
  EXPECT_TRUE(seen.all().empty());
  go.open();
  EXPECT_EQ(seen.await(6), (times{1000, 2000, 3000, 4000, 5000, 6000}));
  s.ssc.stop();
}

TEST(StreamingLifeThreads, outputs_run_in_order_of_registration) {
  mailbox<std::string> seen;
  stream_on_manual_clock s;
  for (const std::string name : {"a", "b", "c"}) {
    numbers(s).for_each_rdd([&seen, name](const rdd<int>&, batch_time t) {
      seen.put(name + std::to_string(count_of(t) / 1000));
    });
  }
  s.ssc.start();
  s.tick(2);
  EXPECT_EQ(seen.await(6), (std::vector<std::string>{"a1", "b1", "c1", "a2", "b2", "c2"}));
  s.ssc.stop();
}

TEST(StreamingLifeThreads, concurrent_jobs_run_together) {
  gate first, second;
  mailbox<int> seen;
  stream_on_manual_clock s{1s, 0ms, {{"streaming.concurrentJobs", "2"}}};
  numbers(s).for_each_rdd([&](const rdd<int>&) {
    first.open();
    second.pass();
    seen.put(1);
  });
  numbers(s).for_each_rdd([&](const rdd<int>&) {
    second.open();
    first.pass();
    seen.put(2);
  });
  s.ssc.start();
  s.tick(3);
  seen.await(6);
  s.ssc.stop({.graceful = true});
}

TEST(StreamingLifeThreads, a_failed_batch_stops_the_stream_and_tells_all_once) {
  mailbox<std::int64_t> seen;
  stream_on_manual_clock s;
  numbers(s)
      .map([](int x) {
        if (x == 2) throw std::runtime_error("two is not welcome");
        return x;
      })
      .for_each_rdd([](const rdd<int>& r) { r.count(); });
  numbers(s).for_each_rdd([&](const rdd<int>&, batch_time t) { seen.put(count_of(t)); });
  s.ssc.start();
  s.tick(1);
  try {
    s.ssc.await_termination();
    FAIL() << "nothing was thrown";
  } catch (const stream_error& e) {
    EXPECT_EQ(count_of(e.batch_time()), 1000);
    EXPECT_EQ(e.operation(), "for_each_rdd");
    const std::string text = e.what();
    const auto at = text.find("two is not welcome");
    ASSERT_NE(at, std::string::npos) << text;
    EXPECT_EQ(text.find("two is not welcome", at + 1), std::string::npos) << text;
    EXPECT_NE(text.find("output operation 0 (for_each_rdd)"), std::string::npos) << text;
    EXPECT_EQ(describe(e), text);
    EXPECT_THROW(std::rethrow_if_nested(e), job_error);
  }
  EXPECT_EQ(s.ssc.state(), streaming_state::stopped);
  EXPECT_TRUE(seen.all().empty());
  EXPECT_THROW(s.ssc.await_termination_for(1s), stream_error);
  s.ssc.stop();
}

TEST(StreamingLifeThreads, a_batch_that_cannot_be_made_stops_the_stream) {
  mailbox<std::int64_t> seen;
  stream_on_manual_clock s;
  numbers(s)
      .transform([](const rdd<int>& r, batch_time t) {
        if (count_of(t) == 2000) throw std::runtime_error("no dataset today");
        return r;
      })
      .named("daily")
      .for_each_rdd([&](const rdd<int>&, batch_time t) { seen.put(count_of(t)); });
  s.ssc.start();
  s.tick(2);
  try {
    s.ssc.await_termination();
    FAIL() << "nothing was thrown";
  } catch (const stream_error& e) {
    EXPECT_EQ(count_of(e.batch_time()), 2000);
    EXPECT_NE(std::string(e.what()).find("no dataset today"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("daily"), std::string::npos) << e.what();
  }
  // The batch before it may have been waiting: a failure lets nothing begin.
  EXPECT_LE(seen.all().size(), 1U);
}

TEST(StreamingLifeThreads, a_graceful_stop_runs_what_waits) {
  mailbox<std::int64_t> begun, seen;
  gate go;
  stream_on_manual_clock s;
  numbers(s).for_each_rdd([&](const rdd<int>&, batch_time t) {
    begun.put(count_of(t));
    go.pass();
    seen.put(count_of(t));
  });
  s.ssc.start();
  s.tick(3);
  begun.await(1);
  s.clock.await_waiters(1);
  std::thread opener([&] { go.open(); });
  s.ssc.stop({.graceful = true});
  opener.join();
  EXPECT_EQ(seen.all(), (times{1000, 2000, 3000}));
  EXPECT_EQ(s.ssc.state(), streaming_state::stopped);
  s.ssc.await_termination();
}

TEST(StreamingLifeThreads, a_stop_at_once_begins_nothing_more) {
  mailbox<std::int64_t> begun, seen;
  gate go;
  stream_on_manual_clock s;
  numbers(s).for_each_rdd([&](const rdd<int>&, batch_time t) {
    begun.put(count_of(t));
    go.pass();
    seen.put(count_of(t));
  });
  s.ssc.start();
  s.tick(3);
  begun.await(1);
  s.clock.await_waiters(1);
  std::thread stopper([&] { s.ssc.stop({.context = false}); });
  // The third batch waits no more once the stop has begun; only then may the first one end.
  while (s.ssc.core()->waiting_batches() != 0) std::this_thread::yield();
  go.open();
  stopper.join();
  EXPECT_EQ(seen.all(), (times{1000}));
  s.ssc.await_termination();
  EXPECT_EQ(s.sc.parallelize({1, 2}).count(), 2);  // the context goes on
}

TEST(StreamingLifeThreads, a_graceful_stop_ends_in_time_by_leaving_out) {
  mailbox<std::int64_t> begun;
  stream_on_manual_clock s{1s, 0ms, {{"streaming.gracefulStopTimeout", "10ms"}}};
  numbers(s).for_each_rdd([&](const rdd<int>& r, batch_time t) {
    begun.put(count_of(t));
    for (;;) r.count();  // longer than anybody waits: until it is cancelled
  });
  s.ssc.start();
  s.tick(3);
  begun.await(1);
  s.ssc.stop({.graceful = true});
  EXPECT_EQ(begun.all(), (times{1000}));
  s.ssc.await_termination();  // a cancelled job is no failure
}

TEST(StreamingLifeThreads, a_job_may_stop_its_own_stream) {
  for (const bool graceful : {false, true}) {
    mailbox<std::int64_t> seen;
    stream_on_manual_clock s;
    numbers(s).for_each_rdd([&](const rdd<int>&, batch_time t) {
      seen.put(count_of(t));
      if (count_of(t) == 2000) s.ssc.stop({.graceful = graceful});
    });
    s.ssc.start();
    s.tick(2);
    s.ssc.await_termination();
    EXPECT_EQ(seen.all(), (times{1000, 2000}));
    EXPECT_THROW(s.sc.parallelize({1}).count(), usage_error);
  }
}

/// Two tasks that run at the same time, so one of them on a helper thread.
struct two_tasks {
  dstream<int> of(const stream_on_manual_clock& s, std::function<void()> each) {
    return s.ssc.constant_stream(s.sc.parallelize({1, 2}, 2)).map([this, each](int x) {
      (x == 1 ? first : second).open();
      (x == 1 ? second : first).pass();
      each();
      return x;
    });
  }
  gate first, second;
};

TEST(StreamingLifeThreads, a_task_may_stop_its_own_stream) {
  for (const bool graceful : {false, true}) {
    two_tasks tasks;
    mailbox<std::int64_t> seen;
    stream_on_manual_clock s;
    tasks.of(s, [&] { s.ssc.stop({.graceful = graceful}); }).for_each_rdd([&](const rdd<int>& r) {
      seen.put(r.count());
    });
    s.ssc.start();
    s.tick();
    s.ssc.await_termination();
    EXPECT_EQ(seen.all(), (times{2}));
    EXPECT_THROW(s.sc.parallelize({1}).count(), usage_error);
  }
}

TEST(StreamingLifeThreads, a_task_may_stop_its_own_context) {
  two_tasks tasks;
  stream_on_manual_clock s;
  tasks.of(s, [&] { s.sc.stop(); }).for_each_rdd([](const rdd<int>& r) { r.count(); });
  s.ssc.start();
  s.tick();
  EXPECT_THROW(s.ssc.await_termination(), stream_error);
}

TEST(StreamingLifeThreads, a_graceful_stop_by_a_job_ends_in_time_too) {
  mailbox<std::int64_t> begun;
  gate go;
  stream_on_manual_clock s{1s, 0ms, {{"streaming.gracefulStopTimeout", "10ms"}}};
  numbers(s).for_each_rdd([&](const rdd<int>& r, batch_time t) {
    begun.put(count_of(t));
    go.pass();
    s.ssc.stop({.graceful = true});
    for (;;) r.count();
  });
  s.ssc.start();
  s.tick(3);
  s.clock.await_waiters(1);
  go.open();
  s.ssc.await_termination();
  EXPECT_EQ(begun.all(), (times{1000}));
}

TEST(StreamingLifeThreads, too_many_waiting_batches_keep_the_next_ones_from_being_made) {
  detail::set_log_level(detail::log_level::off);
  mailbox<std::int64_t> made, seen;
  mailbox<std::string> told;
  gate begun, go;
  stream_on_manual_clock s{1s, 0ms, {{"streaming.maxWaitingBatches", "3"}}};
  const auto events = s.sc.core()->events().subscribe([&](const detail::event& e) {
    if (e.what == detail::event::kind::streaming_behind) told.put(e.text);
  });
  numbers(s)
      .transform([&](const rdd<int>& r, batch_time t) {
        made.put(count_of(t));
        return r;
      })
      .for_each_rdd([&](const rdd<int>&, batch_time t) {
        begun.open();
        go.pass();
        seen.put(count_of(t));
      });
  s.ssc.start();
  s.tick();
  begun.pass();
  s.clock.await_waiters(1);
  s.clock.advance(20s);
  told.await(1);
  EXPECT_EQ(made.all().size(), 4U);  // one runs, three wait
  go.open();
  EXPECT_EQ(seen.await(21).back(), 21'000);
  EXPECT_EQ(made.all(), seen.all());
  s.ssc.stop();
  detail::set_log_level(detail::log_level::warn);
}

TEST(StreamingLifeThreads, states_and_their_errors) {
  stream_on_manual_clock s;
  EXPECT_EQ(s.ssc.state(), streaming_state::initialized);
  EXPECT_THROW(s.ssc.await_termination(), usage_error);
  try {
    s.ssc.start();
    FAIL();
  } catch (const usage_error& e) {
    EXPECT_STREQ(e.what(), "No output operations registered, so nothing to execute");
  }
  auto in = numbers(s);
  in.for_each_rdd([](const rdd<int>&) {});
  s.ssc.start();
  s.ssc.start();
  EXPECT_EQ(s.ssc.state(), streaming_state::active);
  EXPECT_FALSE(s.ssc.await_termination_for(1ms));
  EXPECT_THROW(in.map([](int x) { return x; }), usage_error);
  EXPECT_THROW(in.print(), usage_error);

  stream_on_manual_clock other;
  numbers(other).for_each_rdd([](const rdd<int>&) {});
  EXPECT_THROW(other.ssc.start(), usage_error);
  ASSERT_TRUE(streaming_context::active().has_value());
  EXPECT_EQ(streaming_context::active()->core(), s.ssc.core());

  s.ssc.stop();
  s.ssc.stop({.graceful = true});
  EXPECT_FALSE(streaming_context::active().has_value());
  EXPECT_TRUE(s.ssc.await_termination_for(1ms));
  EXPECT_THROW(s.ssc.start(), usage_error);
  EXPECT_THROW(in.print(), usage_error);
  other.ssc.start();
  other.ssc.stop();

  stream_on_manual_clock never;
  never.ssc.stop();
  never.ssc.stop({.graceful = true});
  EXPECT_EQ(never.ssc.state(), streaming_state::stopped);
  never.ssc.await_termination();
}

TEST(StreamingLifeThreads, the_last_handle_stops_a_running_stream) {
  mailbox<int> seen;
  auto kept = [&] {
    auto s = std::make_unique<stream_on_manual_clock>();
    auto in = numbers(*s);
    in.for_each_rdd([&](const rdd<int>&) { seen.put(1); });
    s->ssc.start();
    s->tick(1);
    seen.await(1);
    return in;  // a stream does not keep its context
  }();
  EXPECT_FALSE(streaming_context::active().has_value());
  EXPECT_THROW(kept.print(), usage_error);
}

TEST(StreamingLifeThreads, a_function_that_holds_the_context_does_not_keep_it_for_ever) {
  mailbox<int> seen;
  std::weak_ptr<detail::stream_engine> core;
  {
    stream_on_manual_clock s;
    core = s.ssc.core();
    numbers(s).for_each_rdd([&seen, ssc = s.ssc](const rdd<int>&) { seen.put(1); });
    s.ssc.start();
    s.tick(1);
    seen.await(1);
    s.ssc.stop();
  }
  EXPECT_TRUE(core.expired());
}

TEST(StreamingLifeThreads, many_streams_one_after_another) {
  for (int i = 0; i < 20; ++i) {
    mailbox<int> seen;
    stream_on_manual_clock s;
    numbers(s).for_each_rdd([&](const rdd<int>& r) { seen.put(static_cast<int>(r.count())); });
    s.ssc.start();
    s.tick(2);
    EXPECT_EQ(seen.await(2), (std::vector<int>{3, 3}));
    if (i % 2 == 0) s.ssc.stop();
  }
}

TEST(StreamingLifeThreads, the_system_clock_gives_every_batch) {
  context sc{{.name = "test", .master = "local[2]"}};
  streaming_context ssc{sc, 5ms};
  mailbox<std::int64_t> seen;
  ssc.constant_stream(sc.parallelize({1})).for_each_rdd([&](const rdd<int>&, batch_time t) {
    seen.put(count_of(t));
  });
  ssc.start();
  const times all = seen.await(60);
  ssc.stop();
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i] % 5, 0);
    EXPECT_EQ(all[i], all[0] + static_cast<std::int64_t>(i) * 5);
  }
}

struct recorder : streaming_listener {
  mailbox<std::string> told;
  void put(const std::string& what, batch_time t, const std::string& more = {}) {
    told.put(what + " " + std::to_string(count_of(t)) + more);
  }
  void streaming_started(const streaming_started_info&) override { told.put("streaming started"); }
  void batch_submitted(const batch_info& b) override { put("submitted", b.batch_time); }
  void batch_started(const batch_info& b) override {
    EXPECT_TRUE(b.processing_start_time && b.scheduling_delay);
    put("started", b.batch_time);
  }
  void batch_completed(const batch_info& b) override {
    EXPECT_TRUE(b.processing_end_time && b.processing_delay && b.total_delay);
    EXPECT_EQ(*b.total_delay, *b.scheduling_delay + *b.processing_delay);
    put("completed", b.batch_time, " " + std::to_string(b.output_operation_infos.size()));
  }
  void output_operation_started(const output_operation_info& o) override {
    put("output " + std::to_string(o.id) + " " + o.name, o.batch_time);
  }
  void output_operation_completed(const output_operation_info& o) override {
    put("output done " + std::to_string(o.id), o.batch_time,
        o.failure_reason ? " " + o.failure_reason->substr(0, 4) : "");
  }
};

TEST(StreamingLifeThreads, listeners_are_told_in_order) {
  recorder listener;
  stream_on_manual_clock s;
  s.ssc.add_listener(listener);
  numbers(s).for_each_rdd([](const rdd<int>&) {});
  numbers(s).for_each_rdd([](const rdd<int>&, batch_time t) {
    if (count_of(t) == 2000) throw std::runtime_error("oops");
  });
  s.ssc.start();
  s.tick(1);
  listener.told.await(8);
  s.tick(1);
  EXPECT_THROW(s.ssc.await_termination(), stream_error);
  EXPECT_EQ(listener.told.await(15),
            (std::vector<std::string>{
                "streaming started", "submitted 1000", "started 1000", "output 0 for_each_rdd 1000",
                "output done 0 1000", "output 1 for_each_rdd 1000", "output done 1 1000",
                "completed 1000 2", "submitted 2000", "started 2000", "output 0 for_each_rdd 2000",
                "output done 0 2000", "output 1 for_each_rdd 2000", "output done 1 2000 oops",
                "completed 2000 2"}));
  s.ssc.remove_listener(listener);
}

}  // namespace
}  // namespace millrace
