// State from batch to batch: batches in, batches out.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>

#include "millrace/error.hpp"
#include "millrace/testing.hpp"
#include "state_store_under_test.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using testing::stream_fixture;

template <class T>
using lists = std::vector<std::vector<T>>;
using word_count = std::pair<std::string, int>;

testing::stream_fixture fixture(const std::string& master = "local[2]") {
  return stream_fixture(
      {.master = master, .batch = 1s, .conf = {{"default.parallelism", "2"}, test::state_store()}});
}

std::optional<int> add(std::span<const int> values, std::optional<int> before) {
  int sum = before.value_or(0);
  for (const int v : values) sum += v;
  return sum;
}

TEST(StreamingState, update_state_keeps_keys_that_are_idle) {
  auto s = fixture();
  auto in = s.input<word_count>();
  auto seen = s.collect(in.update_state_by_key<int>(add));
  s.feed(in, {{{"a", 1}, {"b", 2}, {"a", 3}}, {}, {{"b", 1}}});
  s.run();
  EXPECT_EQ(seen.sorted(),
            (lists<word_count>{{{"a", 4}, {"b", 2}}, {{"a", 4}, {"b", 2}}, {{"a", 4}, {"b", 3}}}));
}

TEST(StreamingState, update_state_forgets_and_counts_calls) {
  auto s = fixture();
  auto in = s.input<word_count>();
  // How many batches ago the key had its last row; 2 forget it.
  auto seen = s.collect(in.update_state_by_key<int>(
      [](std::span<const int> values, std::optional<int> before) -> std::optional<int> {
        if (!values.empty()) return 0;
        return *before == 1 ? std::nullopt : std::optional(*before + 1);
      }));
  s.feed(in, {{{"a", 1}}, {{"b", 2}}, {}, {{"a", 1}}});
  s.run();
  EXPECT_EQ(seen.sorted(),
            (lists<word_count>{{{"a", 0}}, {{"a", 1}, {"b", 0}}, {{"b", 1}}, {{"a", 0}}}));
}

TEST(StreamingState, update_state_skips_idle_keys_where_asked) {
  auto s = fixture();
  auto in = s.input<word_count>();
  std::atomic<int> calls{0};
  auto seen = s.collect(in.update_state_by_key<int>(
      [&calls](std::span<const int> values, std::optional<int> before) {
        ++calls;
        return add(values, before);
      },
      {.partitions = 3, .idle = idle::skip}));
  s.feed(in, {{{"a", 1}, {"b", 2}, {"a", 3}}, {}, {{"b", 1}}});
  s.run();
  EXPECT_EQ(seen.sorted(),
            (lists<word_count>{{{"a", 4}, {"b", 2}}, {{"a", 4}, {"b", 2}}, {{"a", 4}, {"b", 3}}}));
  EXPECT_EQ(calls, 3);
}

TEST(StreamingState, initial_state_is_there_before_the_first_batch) {
  auto s = fixture();
  auto in = s.input<word_count>();
  const auto initial =
      s.context().parallelize(std::vector<word_count>{{"hello", 1}, {"world", 1}, {"world", 5}});
  auto totals = s.collect(in.update_state_by_key<int>(add, {.initial = initial}));
  auto idle = s.collect(in.update_state_by_key<int>(add, {.initial = initial, .idle = idle::skip}));
  auto mapped = in.map_with_state<int>(
      [](const std::string& word, const int* one, state<int>& sum) {
        sum.update(*one + sum.get_or(0));
        return std::pair(word, sum.get());
      },
      {.initial = initial});
  auto emitted = s.collect(mapped);
  auto all = s.collect(mapped.snapshots());
  s.feed(in, {{{"hello", 1}}, {{"x", 2}}});
  s.run();
  const lists<word_count> expected{{{"hello", 2}, {"world", 5}},
                                   {{"hello", 2}, {"world", 5}, {"x", 2}}};
  EXPECT_EQ(totals.sorted(), expected);
  EXPECT_EQ(idle.sorted(), expected);
  EXPECT_EQ(all.sorted(), expected);
  EXPECT_EQ(emitted.sorted(), (lists<word_count>{{{"hello", 2}}, {{"x", 2}}}));
}

TEST(StreamingState, map_with_state_is_called_for_each_row_in_order) {
  auto s = fixture();
  auto in = s.input<word_count>();
  auto mapped =
      in.map_with_state<std::string>([](const std::string&, const int* value,
                                        state<std::string>& so_far) -> std::optional<std::string> {
        so_far.update(so_far.get_or("") + std::to_string(*value));
        if (*value == 9) {
          const std::string last = so_far.get();
          so_far.remove();
          EXPECT_FALSE(so_far.exists());
          return "end of " + last;
        }
        return *value % 2 == 0 ? std::optional(so_far.get()) : std::nullopt;
      });
  auto emitted = s.collect(mapped);
  auto all = s.collect(mapped.snapshots());
  s.feed(in, {{{"a", 1}, {"a", 2}, {"b", 4}, {"a", 4}}, {}, {{"a", 9}, {"a", 2}, {"b", 9}}});
  s.run();
  EXPECT_EQ(emitted.sorted(),
            (lists<std::string>{{"12", "124", "4"}, {}, {"2", "end of 1249", "end of 49"}}));
  EXPECT_EQ(all.sorted(),
            (lists<std::pair<std::string, std::string>>{
                {{"a", "124"}, {"b", "4"}}, {{"a", "124"}, {"b", "4"}}, {{"a", "2"}}}));
}

TEST(StreamingState, map_with_state_that_emits_nothing_has_snapshots) {
  auto s = fixture();
  auto in = s.input<std::pair<std::string_view, int>>();
  auto totals = in.map_with_state<int>(
      [](std::string_view, const int* n, state<int>& sum) { sum.update(sum.get_or(0) + *n); });
  auto seen = s.collect(totals.snapshots());
  s.feed(in, {{{"a", 1}, {"a key which is longer than fits inline", 1}}, {{"a", 2}}});
  s.run();
  EXPECT_EQ(seen.sorted(), (lists<std::pair<std::string_view, int>>{
                               {{"a", 1}, {"a key which is longer than fits inline", 1}},
                               {{"a", 3}, {"a key which is longer than fits inline", 1}}}));
}

TEST(StreamingState, map_with_state_that_emits_nothing_runs_in_every_batch) {
  auto s = fixture();
  auto in = s.input<word_count>();
  std::atomic<int> calls{0};
  in.map_with_state<int>([&calls](const std::string&, const int* n, state<int>& sum) {
    sum.update(sum.get_or(0) + *n);
    calls += sum.get();
  });
  s.feed(in, {{{"a", 1}}, {}, {{"a", 10}, {"b", 100}}});
  s.run();
  EXPECT_EQ(calls, 1 + 11 + 100);
}

TEST(StreamingState, timeouts_are_exact_to_the_batch) {
  auto s = fixture();
  auto in = s.input<word_count>();
  auto mapped = in.map_with_state<int>(
      [](const std::string& key, const int* value, state<int>& sum) {
        if (value == nullptr) {
          EXPECT_TRUE(sum.timing_out());
          return key + " ends with " + std::to_string(sum.get());
        }
        sum.update(sum.get_or(0) + *value);
        return key;
      },
      {.timeout = 2s});
  auto emitted = s.collect(mapped);
  auto all = s.collect(mapped.snapshots());
  s.feed(in, {{{"a", 1}, {"b", 1}}, {}, {{"b", 1}}, {}, {}, {}, {}, {{"a", 7}}});
  s.run();
  EXPECT_EQ(emitted.sorted(),
            (lists<std::string>{
                {"a", "b"}, {}, {"b"}, {"a ends with 1"}, {}, {"b ends with 2"}, {}, {"a"}}));
  EXPECT_EQ(all.sorted(), (lists<word_count>{{{"a", 1}, {"b", 1}},
                                             {{"a", 1}, {"b", 1}},
                                             {{"a", 1}, {"b", 2}},
                                             {{"b", 2}},
                                             {{"b", 2}},
                                             {},
                                             {},
                                             {{"a", 7}}}));
}

TEST(StreamingState, reading_a_key_keeps_it_from_timing_out_and_initial_state_times_out_too) {
  auto s = fixture();
  auto in = s.input<word_count>();
  const auto initial = s.context().parallelize(std::vector<word_count>{{"a", 1}, {"b", 2}});
  auto mapped = in.map_with_state<int>([](const std::string&, const int*, state<int>&) {},
                                       {.initial = initial, .timeout = 1500ms});
  auto all = s.collect(mapped.snapshots());
  s.feed(in, {{}, {{"a", 1}}, {}, {}});
  s.run();
  EXPECT_EQ(all.sorted(),
            (lists<word_count>{{{"a", 1}, {"b", 2}}, {{"a", 1}, {"b", 2}}, {{"a", 1}}, {}}));
}

TEST(StreamingState, misuse_of_state_fails_the_batch_in_words) {
  const auto message = [](auto use) -> std::string {
    auto s = fixture();
    auto in = s.input<word_count>();
    auto mapped = in.map_with_state<int>(
        [use](const std::string&, const int* value, state<int>& st) { use(value, st); },
        {.timeout = 1s});
    auto seen = s.collect(mapped.snapshots());
    s.feed(in, {{{"a", 1}}, {}, {}, {}});
    try {
      s.run();
    } catch (const stream_error& e) {
      return e.what();
    }
    return "nothing";
  };
  EXPECT_NE(message([](const int*, state<int>& st) { st.get(); }).find("the key has no state"),
            std::string::npos);
  EXPECT_NE(message([](const int*, state<int>& st) {
              st.remove();
              st.update(1);
            }).find("has been removed"),
            std::string::npos);
  EXPECT_NE(message([](const int*, state<int>& st) {
              st.remove();
              st.remove();
            }).find("has been removed"),
            std::string::npos);
  EXPECT_NE(message([](const int* v, state<int>& st) {
              if (v == nullptr || !st.exists()) st.update(1);
            }).find("timing out"),
            std::string::npos);
  EXPECT_NE(message([](const int* v, state<int>& st) {
              if (v == nullptr) st.remove();
              else st.update(1);
            }).find("timing out"),
            std::string::npos);
  auto s = fixture();
  auto in = s.input<word_count>();
  const auto nothing = [](const std::string&, const int*, state<int>&) {};
  EXPECT_THROW(in.map_with_state<int>(nothing, {.timeout = -1s}), usage_error);
  EXPECT_THROW(in.map_with_state<int>(nothing, {.partitions = -1}), usage_error);
  EXPECT_THROW(in.update_state_by_key<int>(add, {.partitions = -1}), usage_error);
}

TEST(StreamingState, a_task_that_fails_and_is_tried_again_counts_once) {
  auto s = fixture("local[2,3]");
  auto in = s.input<word_count>();
  std::atomic<int> failures{0};
  std::atomic<int> calls{0};
  const auto stumble = [&failures](const std::string& word) {
    if (word == "d" && failures++ % 2 == 0) throw std::runtime_error("once");
  };
  auto mapped = in.map_with_state<int>([&](const std::string& word, const int* n, state<int>& sum) {
    sum.update(sum.get_or(0) + *n);
    stumble(word);
    return std::pair(word, sum.get());
  });
  auto emitted = s.collect(mapped);
  auto totals =
      s.collect(in.map([](const word_count& row) { return std::pair(row.first, row); })
                    .update_state_by_key<std::pair<std::string, int>>(
                        [&](std::span<const word_count> rows,
                            std::optional<word_count> before) -> std::optional<word_count> {
                          word_count sum = before.value_or(word_count("", 0));
                          for (const auto& [word, n] : rows) sum = {word, sum.second + n};
                          if (!rows.empty()) stumble(sum.first);
                          return sum;
                        })
                    .map([](const auto& row) { return row.second; }));
  auto window = s.collect(in.reduce_by_key_and_window(
      [&](int a, int b) {
        if (const int call = ++calls; call == 4 || call == 7) throw std::runtime_error("once");
        return a + b;
      },
      {.length = 3s}, 1));
  const std::vector<word_count> batch{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"a", 1}};
  s.feed(in, {batch, batch});
  s.run();
  EXPECT_EQ(emitted.sorted()[1].size(), 5U);
  const std::vector<word_count> all{{"a", 4}, {"b", 2}, {"c", 2}, {"d", 2}};
  EXPECT_TRUE(totals.sorted()[1] == all);
  EXPECT_TRUE(window.sorted()[1] == all);
  EXPECT_GE(failures, 3);
  EXPECT_GT(calls, 7);
}

TEST(StreamingState, earlier_batches_stay_readable) {
  auto s = fixture();
  auto in = s.input<word_count>();
  auto totals = in.update_state_by_key<int>(add);
  auto windowed = s.collect(totals.window({.length = 3s, .slide = 3s}));
  std::vector<rdd<word_count>> kept;
  totals.for_each_rdd([&](const rdd<word_count>& r) { kept.push_back(r); });
  s.feed(in, {{{"a", 1}}, {{"a", 1}, {"b", 5}}, {{"a", 1}}, {}, {{"c", 1}}, {{"b", 1}}});
  s.run();
  EXPECT_EQ(windowed.sorted(),
            (lists<word_count>{
                {{"a", 1}, {"a", 2}, {"a", 3}, {"b", 5}, {"b", 5}},
                {{"a", 3}, {"a", 3}, {"a", 3}, {"b", 5}, {"b", 5}, {"b", 6}, {"c", 1}, {"c", 1}}}));
  ASSERT_EQ(kept.size(), 6U);
  EXPECT_TRUE(kept[0].collect() == (std::vector<word_count>{{"a", 1}}));
  EXPECT_EQ(kept[1].count(), 2);
  EXPECT_EQ(kept[5].count(), 3);
}

TEST(StreamingState, a_parent_without_a_batch_still_visits_idle_keys) {
  auto s = fixture();
  auto in = s.input<word_count>();
  // Nothing gives no dataset but a window by more; so its own slide counts.
  auto seen = s.collect(in.window({.length = 2s, .slide = 2s}).update_state_by_key<int>(add));
  s.feed(in, {{{"a", 1}}, {{"a", 1}}, {{"b", 1}}, {}});
  s.run();
  EXPECT_EQ(seen.sorted(), (lists<word_count>{{{"a", 2}}, {{"a", 2}, {"b", 1}}}));
}

TEST(StreamingState, state_follows_state_and_is_the_same_on_any_number_of_threads) {
  std::mt19937 random(3);
  lists<std::pair<int, int>> in(12);
  for (auto& batch : in)
    for (int i = 0; i < 500; ++i) batch.push_back({static_cast<int>(random() % 97), i});
  const auto run = [&](const std::string& master) {
    stream_fixture s({.master = master, .batch = 1s, .conf = {{"default.parallelism", "4"}}});
    auto input = s.input<std::pair<int, int>>();
    auto seen = s.collect(
        input
            .map_with_state<int>([](int key, const int* v, state<int>& last) {
              const std::pair<int, int> row(key % 10, *v - last.get_or(0));
              last.update(*v);
              return row;
            })
            .update_state_by_key<int>(add)
            .reduce_by_key_and_window([](int a, int b) { return a ^ b; }, {.length = 3s}));
    s.feed(input, in);
    s.run();
    return seen;
  };
  auto one = run("local[1]");
  auto seven = run("local[7]");
  ASSERT_EQ(one.batches().size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) EXPECT_TRUE(one.batches()[i] == seven.batches()[i]);
}

TEST(StreamingState, keys_that_come_and_go_take_no_more_room) {
  auto s = fixture("local[1]");
  auto in = s.input<std::pair<int, int>>();
  const auto last_only = [](std::span<const int> values, std::optional<int>) -> std::optional<int> {
    return values.empty() ? std::nullopt : std::optional(values.back());
  };
  auto totals = s.collect(in.update_state_by_key<int>(last_only, {.partitions = 1}));
  auto mapped = in.map_with_state<int>(
      [](int, const int* v, state<int>& st) {
        if (v != nullptr) st.update(*v);
      },
      {.timeout = 1s, .partitions = 1});
  auto all = s.collect(mapped.snapshots());
  auto drained = s.collect(in.reduce_by_key_and_window(
      std::plus<>{}, std::minus<>{}, {.length = 2s},
      [](const std::pair<int, int>& row) { return row.second > 0; }, 1));
  auto tree = s.collect(in.reduce_by_key_and_window(std::plus<>{}, {.length = 2s}, 1));
  for (int b = 0; b < 40; ++b) {
    std::vector<std::pair<int, int>> batch;
    for (int i = 0; i < 500; ++i) batch.push_back({b * 500 + i, 1});
    s.feed(in, {batch});
    s.run();
    ASSERT_EQ(totals.batches()[b].size(), 500U);
    ASSERT_EQ(all.batches()[b].size(), b == 0 ? 500U : 1000U);
    ASSERT_EQ(drained.batches()[b].size(), b == 0 ? 500U : 1000U);
    ASSERT_EQ(tree.batches()[b].size(), b == 0 ? 500U : 1000U);
  }
}

TEST(StreamingState, states_that_own_memory_and_a_long_backlog) {
  auto s = fixture();
  auto in = s.input<word_count>();
  auto lists_of = in.update_state_by_key<std::vector<int>>(
      [](std::span<const int> values, std::optional<std::vector<int>> before) {
        auto all = before ? std::move(*before) : std::vector<int>();
        all.insert(all.end(), values.begin(), values.end());
        return std::optional(std::move(all));
      });
  // Only the hundredth batch is asked for: the others are applied before it.
  auto seen = s.collect(lists_of.window({.length = 1s, .slide = 100s}));
  lists<word_count> batches(100);
  for (int i = 0; i < 100; ++i) batches[i] = {{"k", i}};
  s.feed(in, batches);
  s.run();
  ASSERT_EQ(seen.batches().size(), 1U);
  ASSERT_EQ(seen.batches()[0].size(), 1U);
  EXPECT_EQ(seen.batches()[0][0].second.size(), 100U);
}

TEST(StreamingStateThreads, earlier_batches_are_read_while_later_ones_are_applied) {
  auto s = fixture("local[4]");
  auto in = s.input<std::pair<int, std::string>>();
  auto last = in.update_state_by_key<std::string>(
      [](std::span<const std::string> values, std::optional<std::string> before) {
        return std::optional(values.empty() ? *before : values.back());
      },
      {.idle = idle::skip});
  std::optional<rdd<std::pair<int, std::string>>> first;
  last.for_each_rdd([&](const rdd<std::pair<int, std::string>>& r, batch_time t) {
    if (t == batch_time(1s)) first = r;
    EXPECT_EQ(r.count(), 3000 + (t - batch_time(1s)) / 1s);
  });
  const auto batch = [](int number) {
    std::vector<std::pair<int, std::string>> rows;
    for (int k = 0; k < 3000; ++k)
      if (number == 0 || k % 7 == number % 7) rows.emplace_back(k, std::to_string(number));
    if (number != 0) rows.emplace_back(3000 + number, "new");
    return rows;
  };
  s.feed(in, {batch(0)});
  s.run();
  std::atomic<bool> over{false};
  int reads = 0;
  std::thread reader([&] {
    while (!over || reads == 0) {
      for (const auto& row : first->collect()) ASSERT_EQ(row.second, "0");
      ++reads;
    }
  });
  for (int number = 1; number <= 30; ++number) {
    s.feed(in, {batch(number)});
    s.run();
  }
  over = true;
  reader.join();
  EXPECT_EQ(first->count(), 3000);
}

}  // namespace
}  // namespace millrace
