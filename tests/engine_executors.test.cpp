// The suite of the executor port: the same cases on the embedded executor and on a double whose
// executors die, answer out of order and report late.
#include <atomic>
#include <future>
#include <map>
#include <numeric>
#include <set>

#include "engine/executor_double.test.hpp"
#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;
using namespace std::chrono_literals;
using detail::executor_double;
using detail::task_order;
using verdict = executor_double::verdict;
using kind = detail::event::kind;

context context_on(std::shared_ptr<detail::executor_port> executors, int max_failures = 4) {
  detail::engine::options o;
  o.name = "executors";
  o.threads = 3;
  o.max_failures = max_failures;
  o.executors = std::move(executors);
  return context(std::make_shared<detail::engine>(std::move(o)));
}

struct way {
  const char* name;
  std::function<std::shared_ptr<detail::executor_port>()> make;
};
std::shared_ptr<detail::executor_port> make_double(executor_double::options o) {
  return std::make_shared<executor_double>(std::move(o));
}
verdict lose_some(const task_order&, int begun) {
  return begun == 1 || begun == 7 || begun == 16 ? verdict::lose : verdict::run;
}
verdict zombies(const task_order&, int begun) {
  return begun == 0 || begun == 4 || begun == 11 ? verdict::lose_and_keep : verdict::run;
}
const way ways[] = {
    {"Embedded", [] { return nullptr; }},
    {"EmbeddedAlone", [] { return std::shared_ptr(detail::embedded_executor(1)); }},
    {"OneExecutor", [] { return make_double({.slots = 1}); }},
    {"ThreeExecutors", [] { return make_double({}); }},
    {"OutOfOrder", [] { return make_double({.newest_first = true}); }},
    {"Losing", [] { return make_double({.judge = lose_some}); }},
    {"LosingTheOnlyOne", [] { return make_double({.slots = 1, .judge = lose_some}); }},
    {"Fenced", [] { return make_double({.judge = zombies}); }},
    {"Restarting",
     [] {
       return make_double({.judge = [](const task_order&, int begun) {
         return begun == 1 || begun == 9 ? verdict::restart : verdict::run;
       }});
     }},
    {"FencedOutOfOrder", [] { return make_double({.newest_first = true, .judge = zombies}); }},
};

class ExecutorPortThreads : public testing::TestWithParam<way> {
 protected:
  context sc = context_on(GetParam().make());
};
INSTANTIATE_TEST_SUITE_P(Ways, ExecutorPortThreads, testing::ValuesIn(ways),
                         [](const auto& of) { return of.param.name; });

TEST_P(ExecutorPortThreads, TwoShufflesAndAJoin) {
  const auto words = sc.range(0, 3000, 1, 4).map([](std::int64_t i) {
    return std::pair("word " + std::to_string(i % 100), 1);
  });
  const auto counts = words.reduce_by_key(std::plus<>{}, 3);
  const auto by_count =
      counts.map([](const auto& p) { return std::pair(p.second, p.first); }).group_by_key(2);
  for (int round = 0; round < 3; ++round) {
    const auto groups = by_count.collect();
    ASSERT_EQ(groups.size(), 1U);
    EXPECT_EQ(groups[0].first, 30);
    EXPECT_EQ(groups[0].second.size(), 100U);
    EXPECT_EQ(counts.join(counts).count(), 100);
    EXPECT_EQ(words.join(counts).count(), 3000);
  }
}

TEST_P(ExecutorPortThreads, SortsAndTakes) {
  std::vector<std::int64_t> expected(2000);
  std::iota(expected.begin(), expected.end(), 0);
  const auto data = sc.range(1999, -1, -1, 4).map([](std::int64_t i) { return std::pair(i, 0); });
  const auto sorted = data.sort_by_key();
  EXPECT_EQ(sorted.keys().collect(), expected);
  EXPECT_EQ(sorted.keys().take(700), std::vector(expected.begin(), expected.begin() + 700));
  EXPECT_EQ(sorted.keys().reduce(std::plus<>{}), 2000 * 1999 / 2);
}

TEST_P(ExecutorPortThreads, KeptRowsAreComputedAgainWhereTheyAreLost) {
  const auto data = sc.range(0, 900, 1, 3).map([](std::int64_t i) { return std::to_string(i); });
  data.cache();
  const auto expected = context({.master = "local"})
                            .range(900)
                            .map([](std::int64_t i) { return std::to_string(i); })
                            .collect();
  for (int round = 0; round < 8; ++round) EXPECT_EQ(data.collect(), expected);
}

TEST_P(ExecutorPortThreads, FailuresCountAndLossesDoNot) {
  for (const int fails : {1, 3}) {
    std::atomic<int> calls{0};
    const auto data = sc.range(0, 4, 1, 4).map([&calls, fails](std::int64_t i) {
      if (i == 2 && calls.fetch_add(1) < fails) throw std::runtime_error("not yet");
      return i;
    });
    EXPECT_EQ(data.count(), 4);
    EXPECT_EQ(data.count(), 4);
  }
  const auto text = error_of<job_error>([&] {
    sc.range(0, 4, 1, 4).for_each([](std::int64_t i) {
      if (i == 2) throw std::runtime_error("never");
    });
  });
  EXPECT_NE(text.find("never"), std::string::npos) << text;
  EXPECT_NE(text.find("of 4"), std::string::npos) << text;
  EXPECT_EQ(sc.range(10).count(), 10);  // nothing is left of it
}

TEST_P(ExecutorPortThreads, EachAttemptThatStartedEnds) {
  event_recorder seen(sc);
  const auto words = sc.range(0, 300, 1, 4).map([](std::int64_t i) { return std::pair(i % 7, 1); });
  EXPECT_EQ(words.reduce_by_key(std::plus<>{}, 3).count(), 7);
  EXPECT_NE(error_of<job_error>([&] {
              words.for_each([](const auto& p) {
                if (p.first == 3) throw std::runtime_error("never");
              });
            }),
            "");
  std::promise<void> begun;
  std::once_flag once;
  auto endless = std::async(std::launch::async, [&] {
    return error_of<error>([&] {
      sc.range(0, std::int64_t{1} << 60, 1, 2).for_each([&](std::int64_t) {
        std::call_once(once, [&] { begun.set_value(); });
      });
    });
  });
  ASSERT_EQ(begun.get_future().wait_for(20s), std::future_status::ready);
  sc.stop();
  EXPECT_NE(endless.get(), "");
  const int started = seen.count(kind::task_started);
  EXPECT_EQ(started, seen.count(kind::task_ended) + seen.count(kind::task_failed));
  EXPECT_GE(started, 4 + 3 + 4 + 2);
}

TEST_P(ExecutorPortThreads, ManyJobsAtOnceShareAShuffle) {
  const auto counts = sc.range(0, 2000, 1, 4)
                          .map([](std::int64_t i) { return std::pair(i % 10, 1); })
                          .reduce_by_key(std::plus<>{}, 3);
  std::vector<std::future<std::int64_t>> jobs;
  for (int i = 0; i < 4; ++i)
    jobs.push_back(std::async(std::launch::async, [&] {
      return counts.values().reduce(std::plus<>{}) + counts.count();
    }));
  for (auto& j : jobs) EXPECT_EQ(j.get(), 2010);
}

TEST_P(ExecutorPortThreads, StopEndsAJobThatRuns) {
  std::promise<void> begun;
  std::once_flag once;
  auto job = std::async(std::launch::async, [&] {
    return error_of<error>([&] {
      sc.range(0, std::int64_t{1} << 60, 1, 2).for_each([&](std::int64_t) {
        std::call_once(once, [&] { begun.set_value(); });
      });
    });
  });
  ASSERT_EQ(begun.get_future().wait_for(20s), std::future_status::ready);
  sc.stop();
  const auto text = job.get();
  EXPECT_NE(text.find("stopped"), std::string::npos) << text;
  EXPECT_NE(error_of<usage_error>([&] { sc.range(3).count(); }).find("stopped"), std::string::npos);
  sc.stop();
}

// ---- what only the double can show

TEST(ExecutorLossThreads, MapOutputsOfALostExecutorAreComputedAgain) {
  const auto executors = std::make_shared<executor_double>(executor_double::options{});
  const context sc = context_on(executors);
  std::atomic<int> computed{0};
  const auto counts = sc.range(0, 30, 1, 3)
                          .map([&computed](std::int64_t i) {
                            ++computed;
                            return std::pair(i % 5, 1);
                          })
                          .reduce_by_key(std::plus<>{}, 2);
  EXPECT_EQ(counts.count(), 5);
  EXPECT_EQ(counts.count(), 5);
  EXPECT_EQ(computed, 30);  // once
  event_recorder seen(sc);
  executors->lose(1);
  EXPECT_EQ(counts.values().reduce(std::plus<>{}), 30);
  EXPECT_EQ(computed, 40);  // the map partition which lay there
  EXPECT_EQ(seen.count(kind::executor_lost), 1);
  EXPECT_EQ(seen.count(kind::executor_joined), 1);
}

TEST(ExecutorLossThreads, KeptRowsOfALostExecutorAreComputedAgain) {
  const auto executors = std::make_shared<executor_double>(executor_double::options{});
  const context sc = context_on(executors);
  std::atomic<int> computed{0};
  const auto data = sc.range(0, 30, 1, 3).map([&computed](std::int64_t i) {
    ++computed;
    return i;
  });
  data.cache();
  EXPECT_EQ(data.count(), 30);
  EXPECT_EQ(data.count(), 30);
  EXPECT_EQ(computed, 30);
  executors->lose(0);
  sc.range(3).count();  // hears of it
  EXPECT_EQ(data.count(), 30);
  EXPECT_EQ(computed, 40);
}

TEST(ExecutorLossThreads, AReportOfAFencedExecutorIsNotBelieved) {
  const auto executors = std::make_shared<executor_double>(
      executor_double::options{.slots = 1, .judge = [](const task_order&, int begun) {
                                 return begun == 0 ? verdict::lose_and_keep : verdict::run;
                               }});
  const context sc = context_on(executors);
  // Each run gives another row, so the answer shows which one was taken.
  std::atomic<int> calls{0};
  const auto data = sc.parallelize({0}, 1).map([&calls](int) { return calls.fetch_add(1); });
  EXPECT_EQ(data.collect(), std::vector<int>{1});
  EXPECT_EQ(executors->late_reports(), 1);
  EXPECT_EQ(executors->losses(), 1);
}

TEST(ExecutorLossThreads, WhoAlwaysLosesIsGivenUp) {
  // Every reduce task's executor dies, and with it what the maps wrote.
  std::atomic<int> rounds{0};
  const auto dying = std::make_shared<executor_double>(
      executor_double::options{.slots = 1, .judge = [&rounds](const task_order& order, int) {
                                 const bool reduces = order.set->size() == 3;
                                 if (reduces) ++rounds;
                                 return reduces ? verdict::lose : verdict::run;
                               }});
  const context doomed = context_on(dying);
  const auto lost = doomed.range(0, 4, 1, 2)
                        .map([](std::int64_t i) { return std::pair(i, 1); })
                        .reduce_by_key(std::plus<>{}, 3);
  auto job = std::async(std::launch::async, [&] { return error_of<error>([&] { lost.count(); }); });
  if (job.wait_for(20s) != std::future_status::ready) {
    doomed.stop();
    FAIL() << "goes on for ever; rounds: " << rounds << ", ended: " << job.get();
  }
  const auto text = job.get();
  EXPECT_NE(text.find("lost each time"), std::string::npos) << text;
  EXPECT_EQ(rounds, 4);
}

TEST(ExecutorLossThreads, StoppingWhileOrdersAreOnTheirWay) {
  // The executors end between the job's decision to send and the sending.
  context* stopped = nullptr;
  const auto executors = std::make_shared<executor_double>(
      executor_double::options{.on_send = [&stopped] { stopped->stop(); }});
  context sc = context_on(executors);
  stopped = &sc;
  auto job = std::async(std::launch::async,
                        [&] { return error_of<error>([&] { sc.range(0, 9, 1, 3).count(); }); });
  ASSERT_EQ(job.wait_for(20s), std::future_status::ready) << "waits for tasks that nobody runs";
  EXPECT_NE(job.get().find("stopped"), std::string::npos);
}

TEST(ExecutorLossThreads, StoppingWhileNoExecutorIsThere) {
  class nobody final : public detail::executor_port {
   public:
    void want(int) override {}
    void replace(int, std::uint64_t) override {}
    std::optional<event> poll(std::chrono::milliseconds timeout) override {
      asked_.set_value_once();
      std::unique_lock lock(mutex_);
      never_.wait_for(lock, timeout);
      return std::nullopt;
    }
    void send(std::span<const task_order>, bool) override {}
    void lend(const detail::task_set&) override {}
    void stop() override {}
    struct {
      std::promise<void> promise;
      std::once_flag once;
      void set_value_once() {
        std::call_once(once, [this] { promise.set_value(); });
      }
    } asked_;

   private:
    std::mutex mutex_;
    std::condition_variable never_;
  };
  const auto executors = std::make_shared<nobody>();
  const context sc = context_on(executors);
  auto job =
      std::async(std::launch::async, [&] { return error_of<error>([&] { sc.range(9).count(); }); });
  ASSERT_EQ(executors->asked_.promise.get_future().wait_for(20s), std::future_status::ready);
  sc.stop();
  ASSERT_EQ(job.wait_for(20s), std::future_status::ready)
      << "waits for executors of a stopped context";
  EXPECT_NE(job.get().find("stopped"), std::string::npos);
}

}  // namespace
}  // namespace millrace
