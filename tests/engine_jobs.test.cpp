// Jobs: failures and where they are said to be, events, keeping, actions, saved text.
#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <set>

#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;
using namespace std::chrono_literals;
using kind = detail::event::kind;

struct on_row {
  std::int64_t bad;
  std::int64_t operator()(std::int64_t row) const {
    if (row == bad) throw std::domain_error("row is bad");
    return row;
  }
};

/// Runs `action` on the numbers 0 … 5999 in two partitions; it fails at 4500, row 1500 of
/// partition 1.
template <class Action>
job_error failure_of(const context& sc, Action action) {
  try {
    action(sc.range(0, 6000, 1, 2));
  } catch (const job_error& e) {
    try {
      std::rethrow_if_nested(e);
      ADD_FAILURE() << "nothing is nested in: " << e.what();
    } catch (const std::domain_error& inner) {
      EXPECT_STREQ(inner.what(), "row is bad");
    }
    return e;
  }
  ADD_FAILURE() << "no failure";
  return job_error("none", {});
}

TEST(JobErrors, SayWhere) {
  const context sc{{.name = "failing", .master = "local[2]"}};
  const on_row f{4500};
  using numbers = rdd<std::int64_t>;
  const auto twice = [](std::int64_t i) { return std::vector<std::int64_t>{i, i}; };
  const auto same = [](std::int64_t i) { return i; };
  const auto to_pair = [](std::int64_t i) { return std::pair(i % 2, i); };
  struct wanted {
    const char* operation;
    std::int64_t row;
    std::function<void(numbers)> run;
  };
  const wanted all[] = {
      {"map", 1500, [&](numbers n) { n.map(f).count(); }},
      {"map", 1500, [&](numbers n) { n.map(f).map(same).collect(); }},
      {"map", 1500, [&](numbers n) { n.map(same).map(f).reduce(std::plus<>{}); }},
      {"map", 3000, [&](numbers n) { n.flat_map(twice).map(f).count(); }},
      {"filter", 1500,
       [&](numbers n) { n.filter([f](std::int64_t i) { return f(i) >= 0; }).count(); }},
      {"flat_map", 1500,
       [&](numbers n) { n.flat_map([f](std::int64_t i) { return std::vector{f(i)}; }).count(); }},
      {"flat_map", 1500,
       [&](numbers n) {
         n.flat_map([f](std::int64_t i, emit<int>& out) { out(static_cast<int>(f(i))); }).count();
       }},
      {"map_values", 1500, [&](numbers n) { n.map(to_pair).map_values(f).count(); }},
      {"key_by", 1500, [&](numbers n) { n.key_by(f).count(); }},
      {"for_each", 1500, [&](numbers n) { n.for_each(f); }},
      {"for_each", 3000, [&](numbers n) { n.flat_map(twice).for_each(f); }},
      {"reduce", 3000,
       [&](numbers n) {
         n.flat_map(twice).reduce([f](std::int64_t, std::int64_t b) { return f(b); });
       }},
      {"fold", 1500,
       [&](numbers n) { n.fold(0, [f](std::int64_t, std::int64_t b) { return f(b); }); }},
      {"map_partitions", -1,
       [&](numbers n) {
         n.map_partitions([f](partition_rows<std::int64_t>& rows, emit<std::int64_t>& out) {
            for (const auto& r : rows) out(f(r));
          }).count();
       }},
      {"for_each", -1 - 1,
       [&](numbers n) {
         n.map_partitions([](partition_rows<std::int64_t>& rows) {
            return rows.to_rows();
          }).for_each(f);
       }},
      {"reduce_by_key", -2,
       [&](numbers n) {
         n.map(to_pair).reduce_by_key([f](std::int64_t, std::int64_t b) { return f(b); }).count();
       }},
      {"reduce_by_key", -2,
       [&](numbers n) {
         n.flat_map(twice)
             .map(to_pair)
             .reduce_by_key([f](std::int64_t, std::int64_t b) { return f(b); })
             .count();
       }},
      {"reduce_by_key", -2,
       [&](numbers n) {
         n.flat_map(
              [](std::int64_t i) { return std::vector{std::pair(i % 2, i), std::pair(i % 2, i)}; })
             .reduce_by_key([f](std::int64_t, std::int64_t b) { return f(b); })
             .count();
       }},
  };
  for (const auto& [operation, row, run] : all) {
    const job_error e = failure_of(sc, run);
    EXPECT_EQ(e.operation(), operation) << e.what();
    EXPECT_EQ(e.partition(), 1) << e.what();
    EXPECT_EQ(e.attempt(), 0);
    EXPECT_GE(e.stage(), 0);
    if (row >= -1) {
      EXPECT_EQ(e.row(), row) << e.what();
    }
    const std::string text = e.what();
    EXPECT_NE(text.find("row is bad"), std::string::npos) << text;
    EXPECT_NE(text.find("partition 1"), std::string::npos) << text;
    EXPECT_NE(text.find("attempt 1 of 1"), std::string::npos) << text;
  }
}

TEST(JobErrors, WhateverIsThrown) {
  const context sc{{.master = "local"}};
  EXPECT_NE(error_of<job_error>([&] {
              sc.range(1).for_each([](std::int64_t) { throw 42; });
            }).find("int"),
            std::string::npos);
  // The program's mistake is said in its own words.
  EXPECT_EQ(error_of<usage_error>([&] {
              sc.range(1).for_each([](std::int64_t) { throw usage_error("use it well"); });
            }),
            "use it well");
}

TEST(Retries, AsManyAttemptsAsTheMasterSays) {
  for (const int most : {1, 2, 5}) {
    const context sc{{.master = "local[2," + std::to_string(most) + "]"}};
    event_recorder seen(sc);
    std::atomic<int> calls{0};
    const auto failing = [&](int times) {
      calls = 0;
      return sc.range(0, 3, 1, 3).map([&calls, times](std::int64_t i) {
        if (i == 1 && calls.fetch_add(1) < times) throw std::runtime_error("again");
        return i;
      });
    };
    EXPECT_EQ(failing(most - 1).count(), 3);
    EXPECT_EQ(seen.count(kind::task_failed), most - 1);
    std::set<std::int64_t> attempts;
    for (const auto& e : seen.all())
      if (e.partition == 1) attempts.insert(e.attempt);
    EXPECT_EQ(attempts.size(), static_cast<std::size_t>(most));
    try {
      failing(most).count();
      ADD_FAILURE() << "succeeded";
    } catch (const job_error& e) {
      EXPECT_EQ(e.attempt(), most - 1);
      EXPECT_EQ(calls, most);
    }
  }
}

TEST(Retries, a_task_whose_process_was_lost_runs_again_up_to_four_times) {
  const context sc{{.master = "local[2]"}};  // where a failure has one attempt
  std::atomic<int> calls = 0;
  const auto losing = [&](int times) {
    return sc.parallelize(std::vector<int>{1, 2}, 2).map([&calls, times](int x) {
      if (x == 2 && calls++ < times) throw detail::process_lost("it is gone");
      return x;
    });
  };
  EXPECT_EQ(losing(3).count(), 2);
  EXPECT_EQ(calls, 4);
  calls = 0;
  try {
    losing(99).count();
    ADD_FAILURE() << "succeeded";
  } catch (const job_error& e) {
    EXPECT_NE(std::string(e.what()).find("attempt 4 of 4): it is gone"), std::string::npos)
        << e.what();
    EXPECT_EQ(calls, 4);
  }
}

TEST(JobEvents, TellTheWholeStoryInOrder) {
  const context sc{{.master = "local[2]"}};
  event_recorder seen(sc);
  sc.range(0, 10, 1, 3)
      .map([](std::int64_t i) { return std::pair(i, i); })
      .reduce_by_key(std::plus<>{}, 2)
      .count();
  std::map<std::int64_t, std::vector<kind>> of_stage;
  std::vector<kind> of_job;
  for (const auto& e : seen.all()) {
    if (e.what == kind::executor_joined) continue;
    EXPECT_EQ(e.job, seen.all().back().job);
    if (e.stage < 0) of_job.push_back(e.what);
    else of_stage[e.stage].push_back(e.what);
    if (e.what == kind::task_started || e.what == kind::task_ended) {
      EXPECT_GE(e.partition, 0);
      EXPECT_EQ(e.attempt, 0);
    }
  }
  EXPECT_EQ(of_job, (std::vector<kind>{kind::job_started, kind::job_ended}));
  ASSERT_EQ(of_stage.size(), 2U);
  int tasks = 3;
  for (const auto& [stage, story] : of_stage) {
    EXPECT_EQ(story.front(), kind::stage_started);
    EXPECT_EQ(story.back(), kind::stage_ended);
    EXPECT_EQ(std::count(story.begin(), story.end(), kind::task_started), tasks);
    EXPECT_EQ(std::count(story.begin(), story.end(), kind::task_ended), tasks);
    tasks = 2;
  }
  seen.clear();
  EXPECT_THROW(sc.range(0, 2, 1, 1).for_each(on_row{1}), job_error);
  std::vector<kind> story;
  for (const auto& e : seen.all()) story.push_back(e.what);
  EXPECT_EQ(story, (std::vector<kind>{kind::job_started, kind::stage_started, kind::task_started,
                                      kind::task_failed, kind::stage_failed, kind::job_failed}));
}

TEST(SharedShuffleThreads, IsComputedOnce) {
  const context sc{{.master = "local[2]"}};
  event_recorder seen(sc);
  std::atomic<int> computed{0};
  const auto counts = sc.range(0, 4000, 1, 4)
                          .map([&computed](std::int64_t i) {
                            ++computed;
                            return std::pair(i % 100, 1);
                          })
                          .reduce_by_key(std::plus<>{}, 3);
  std::vector<std::future<std::int64_t>> jobs;
  for (int i = 0; i < 6; ++i)
    jobs.push_back(std::async(std::launch::async, [&] { return counts.count(); }));
  for (auto& j : jobs) EXPECT_EQ(j.get(), 100);
  EXPECT_EQ(computed, 4000);
  EXPECT_EQ(seen.count(kind::task_ended), 4 + 6 * 3);
  EXPECT_EQ(seen.count(kind::stage_started), 1 + 6);
}

TEST(StoppedContext, RefusesWork) {
  const context sc{{.name = "over", .master = "local[2]"}};
  const auto data = sc.range(10);
  sc.stop();
  for (const auto& text :
       {error_of<usage_error>([&] { data.count(); }), error_of<usage_error>([&] { sc.range(3); }),
        error_of<usage_error>([&] { data.map([](std::int64_t i) { return i; }); })}) {
    EXPECT_NE(text.find("stopped"), std::string::npos) << text;
    EXPECT_NE(text.find("over"), std::string::npos) << text;
  }
}

// ---- keeping

class Keeping : public testing::TestWithParam<const char*> {
 protected:
  rdd<std::int64_t> counted() {
    return sc.range(0, 6000, 1, 2).map([this](std::int64_t i) {
      ++computed;
      return i;
    });
  }
  context sc{{.master = GetParam()}};
  std::atomic<int> computed{0};
};
INSTANTIATE_TEST_SUITE_P(Masters, Keeping, testing::ValuesIn(masters), name_of_master);

TEST_P(Keeping, ComputesOnce) {
  const auto data = counted();
  data.cache();
  EXPECT_EQ(data.storage_level(), storage_level::memory);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(data.count(), 6000);
    EXPECT_EQ(data.filter([](std::int64_t x) { return x % 2 == 0; }).count(), 3000);
  }
  EXPECT_EQ(computed, 6000);
  data.unpersist();
  EXPECT_EQ(data.count(), 6000);
  EXPECT_EQ(computed, 12000);
}

TEST_P(Keeping, NotWhatWasReadPartly) {
  const auto data = counted();
  data.cache();
  EXPECT_EQ(data.take(5).size(), 5U);
  const int after_take = computed;
  EXPECT_EQ(data.count(), 6000);
  EXPECT_EQ(computed, after_take + 6000);
  EXPECT_EQ(data.take(5).size(), 5U);
  EXPECT_EQ(computed, after_take + 6000);
}

TEST_P(Keeping, NotWhatFailed) {
  const auto data = counted();
  data.cache();
  EXPECT_THROW(data.for_each(on_row{4500}), job_error);
  EXPECT_EQ(data.count(), 6000);
  EXPECT_EQ(data.reduce(std::plus<>{}), 6000 * 5999 / 2);
}

TEST_P(Keeping, NotWhatWasUnpersistedMeanwhile) {
  const auto data = counted();
  data.cache();
  data.for_each([&data](std::int64_t i) {
    if (i == 10 || i == 4000) data.unpersist();
  });
  computed = 0;
  data.cache();
  EXPECT_EQ(data.count(), 6000);
  EXPECT_EQ(computed, 6000);
}

TEST_P(Keeping, AConsumerThatMovesRowsLeavesTheKeptOnes) {
  const auto words = sc.range(0, 100, 1, 2).map([](std::int64_t i) {
    return std::to_string(i) + std::string(40, 'x');
  });
  words.cache();
  const auto first = words.filter([](const std::string&) { return true; }).repartition(2).collect();
  EXPECT_EQ(words.collect().size(), 100U);
  for (const auto& w : words.collect()) EXPECT_GT(w.size(), 40U);
  EXPECT_EQ(first.size(), 100U);
}

TEST_P(Keeping, TheLevelIsNotChanged) {
  const auto data = counted();
  data.cache().cache();
  const auto refusal = [&](storage_level level) {
    return error_of<usage_error>([&] { data.persist(level); });
  };
  EXPECT_NE(refusal(storage_level::memory_and_disk).find("unpersist"), std::string::npos);
  EXPECT_NE(refusal(storage_level::disk).find("unpersist"), std::string::npos);
  EXPECT_EQ(data.storage_level(), storage_level::memory);
  data.unpersist().persist(storage_level::memory_and_disk);
  EXPECT_EQ(data.storage_level(), storage_level::memory_and_disk);
  data.unpersist();
}

// ---- actions

TEST(Actions, OfNothing) {
  const context sc{{.master = "local[2]"}};
  for (const auto& none : {sc.empty<std::int64_t>(), sc.range(0, 0, 1, 3)}) {
    EXPECT_EQ(none.count(), 0);
    EXPECT_TRUE(none.is_empty());
    EXPECT_TRUE(none.collect().empty());
    EXPECT_TRUE(none.take(3).empty());
    EXPECT_EQ(none.fold(0, std::plus<>{}), 0);
    none.for_each([](std::int64_t) { FAIL(); });
    for (const auto& [name, text] : std::map<std::string, std::string>{
             {"first", error_of<usage_error>([&] { none.first(); })},
             {"reduce", error_of<usage_error>([&] { none.reduce(std::plus<>{}); })}}) {
      EXPECT_NE(text.find(name), std::string::npos) << text;
      EXPECT_NE(text.find("empty"), std::string::npos) << text;
    }
    EXPECT_NE(error_of<usage_error>([&] { none.max(); }), "");
  }
  EXPECT_NE(error_of<usage_error>([&] { sc.range(3).take(-1); }).find("-1"), std::string::npos);
}

TEST(Actions, ZeroOncePerPartitionAndAtTheEnd) {
  const context sc{{.master = "local[2]"}};
  EXPECT_EQ(sc.range(0, 4, 1, 3).fold(100, std::plus<>{}), 6 + 100 * 4);
  EXPECT_EQ(sc.range(0, 0, 1, 3).fold(100, std::plus<>{}), 400);
  EXPECT_EQ(sc.empty<std::int64_t>().fold(100, std::plus<>{}), 100);
  const auto text =
      sc.range(0, 5, 1, 2)
          .aggregate(
              std::string("z"),
              [](const std::string& s, std::int64_t i) { return s + std::to_string(i); },
              [](const std::string& a, const std::string& b) { return a + "|" + b; });
  EXPECT_EQ(text, "z|z01|z234");
  // In order of the rows and partitions, not of the threads.
  const strings words = long_words(200);
  EXPECT_EQ(sc.parallelize(words, 7).reduce(
                [](const std::string& a, const std::string& b) { return a + b; }),
            std::accumulate(words.begin(), words.end(), std::string()));
  EXPECT_EQ(sc.parallelize({3, 9, 4}, 2).max(), 9);
  EXPECT_EQ(sc.parallelize(strings{"b", "a"}, 2).min(), "a");
}

TEST(Actions, TakeReadsNoMoreThanItNeeds) {
  const context sc{{.master = "local[2]"}};
  std::mutex mutex;
  std::set<std::int64_t> partitions;
  const auto data = sc.range(0, 100, 1, 50).map([&](std::int64_t i) {
    const std::lock_guard lock(mutex);
    partitions.insert(i / 2);
    return i;
  });
  const auto reads = [&](std::int64_t n) {
    partitions.clear();
    const auto rows = data.take(n);
    EXPECT_EQ(rows.size(), static_cast<std::size_t>(std::min<std::int64_t>(n, 100)));
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], static_cast<std::int64_t>(i));
    return partitions.size();
  };
  EXPECT_EQ(stages_of(sc, [&] { EXPECT_EQ(reads(0), 0U); }), 0);
  EXPECT_EQ(reads(1), 1U);
  EXPECT_EQ(reads(2), 1U);
  EXPECT_EQ(reads(3), 5U);  // one, then four more
  EXPECT_EQ(reads(10), 5U);
  EXPECT_EQ(reads(11), 21U);
  EXPECT_EQ(reads(std::numeric_limits<std::int64_t>::max()), 50U);
}

// ---- saved text

TEST(SavedText, PartsAndSuccess) {
  const scratch_directory dir;
  const context sc{{.master = "local[2]"}};
  const auto out = dir.path("a/b/out");
  sc.parallelize(std::vector<std::pair<std::string, int>>{{"x", 1}, {"y", 2}, {"z", 3}}, 2)
      .save_as_text_file(out);
  EXPECT_EQ(read_file(out + "/part-00000"), "(x,1)\n");
  EXPECT_EQ(read_file(out + "/part-00001"), "(y,2)\n(z,3)\n");
  EXPECT_TRUE(std::filesystem::exists(out + "/_SUCCESS"));
  std::set<std::string> names;
  for (const auto& f : std::filesystem::directory_iterator(out)) names.insert(f.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"_SUCCESS", "part-00000", "part-00001"}));
  EXPECT_EQ(sc.text_file(out).count(), 3);

  const auto text = error_of<usage_error>([&] { sc.range(3).save_as_text_file(out); });
  EXPECT_NE(text.find(out), std::string::npos) << text;
  EXPECT_EQ(read_file(out + "/part-00000"), "(x,1)\n");
  sc.empty<int>().save_as_text_file(dir.path("none"));
  EXPECT_TRUE(std::filesystem::exists(dir.path("none/_SUCCESS")));
}

TEST(SavedText, AFailureLeavesNothingBehind) {
  const scratch_directory dir;
  const context sc{{.master = "local[2]"}};
  EXPECT_THROW(sc.range(0, 10'000, 1, 4).map(on_row{9'000}).save_as_text_file(dir.path("out")),
               job_error);
  EXPECT_FALSE(std::filesystem::exists(dir.path("out")));
  const context twice{{.master = "local[2,2]"}};
  std::atomic<int> calls{0};
  twice.range(0, 10, 1, 2)
      .map([&calls](std::int64_t i) {
        if (i == 7 && calls++ == 0) throw std::runtime_error("once");
        return i;
      })
      .save_as_text_file(dir.path("out"));
  EXPECT_EQ(twice.text_file(dir.path("out")).count(), 10);
}

TEST(SavedText, APlaceThatCannotBeWrittenIsNamed) {
  const scratch_directory dir;
  const context sc{{.master = "local"}};
  // A file where a directory should be: refused for root too.
  dir.write("file", "");
  const auto out = dir.path("file/out");
  EXPECT_NE(error_of<error>([&] { sc.range(3).save_as_text_file(out); }).find(dir.path("file")),
            std::string::npos);
}

}  // namespace
}  // namespace millrace
