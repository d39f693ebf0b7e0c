// Windows over streams: batches in, batches out.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <string>

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

template <class T, class Operation>
auto run(const lists<T>& in, Operation operation, int more = 0) {
  stream_fixture s{{.master = "local[2]",
                    .batch = 1s,
                    .conf = {{"default.parallelism", "2"}, test::state_store()}}};
  auto input = s.input<T>();
  auto seen = s.collect(operation(input));
  s.feed(input, in);
  s.run();
  s.advance(more);
  return seen;
}

TEST(StreamingWindows, window_is_partial_at_first_and_slides_by_the_batch) {
  auto seen = run<int>({{1}, {2, 3}, {}, {4}}, [](auto s) { return s.window({.length = 2s}); }, 2);
  EXPECT_EQ(seen.batches(), (lists<int>{{1}, {1, 2, 3}, {2, 3}, {4}, {4}, {}}));
}

TEST(StreamingWindows, window_that_slides_by_more_has_a_batch_now_and_then) {
  auto seen = run<int>({{1}, {2}, {3}, {4}, {5}},
                       [](auto s) { return s.window({.length = 3s, .slide = 2s}); });
  EXPECT_EQ(seen.batches(), (lists<int>{{1, 2}, {2, 3, 4}}));
  auto skipping = run<int>({{1}, {2}, {3}, {4}, {5}, {6}},
                           [](auto s) { return s.window({.length = 1s, .slide = 3s}); });
  EXPECT_EQ(skipping.batches(), (lists<int>{{3}, {6}}));
}

TEST(StreamingWindows, windows_of_windows) {
  auto seen = run<int>({{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}}, [](auto s) {
    return s.window({.length = 2s, .slide = 2s}).window({.length = 4s, .slide = 4s});
  });
  EXPECT_EQ(seen.batches(), (lists<int>{{1, 2, 3, 4}, {5, 6, 7, 8}}));
}

TEST(StreamingWindows, the_example_of_the_manual) {
  auto seen = run<word_count>({{{"a", 1}}, {{"a", 1}, {"b", 1}}, {}}, [](auto s) {
    return s.reduce_by_key_and_window(std::plus<>{}, {.length = 2s, .slide = 1s});
  });
  EXPECT_EQ(seen.sorted(),
            (lists<word_count>{{{"a", 1}}, {{"a", 2}, {"b", 1}}, {{"a", 1}, {"b", 1}}}));
}

TEST(StreamingWindows, keys_leave_without_an_inverse_and_stay_with_one) {
  const lists<word_count> in{{{"a", 1}}, {{"b", 2}, {"b", 3}}};
  auto tree = run<word_count>(
      in, [](auto s) { return s.reduce_by_key_and_window(std::plus<>{}, {.length = 2s}); }, 3);
  EXPECT_EQ(tree.sorted(),
            (lists<word_count>{{{"a", 1}}, {{"a", 1}, {"b", 5}}, {{"b", 5}}, {}, {}}));
  auto inverse = run<word_count>(
      in,
      [](auto s) {
        return s.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, {.length = 2s});
      },
      2);
  EXPECT_EQ(inverse.sorted(),
            (lists<word_count>{
                {{"a", 1}}, {{"a", 1}, {"b", 5}}, {{"a", 0}, {"b", 5}}, {{"a", 0}, {"b", 0}}}));
  auto filtered = run<word_count>(
      in,
      [](auto s) {
        return s.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, {.length = 2s},
                                          [](const word_count& row) { return row.second != 0; });
      },
      2);
  EXPECT_EQ(filtered.sorted(),
            (lists<word_count>{{{"a", 1}}, {{"a", 1}, {"b", 5}}, {{"b", 5}}, {}}));
}

TEST(StreamingWindows, partitions_and_partitioners_may_be_given) {
  stream_fixture s{{.master = "local[2]", .batch = 1s, .conf = {test::state_store()}}};
  auto in = s.input<word_count>();
  const millrace::window w{.length = 2s};
  std::vector<int> partitions;
  const auto note = [&](const rdd<word_count>& r) { partitions.push_back(r.partitions()); };
  in.reduce_by_key_and_window(std::plus<>{}, w, 3).for_each_rdd(note);
  in.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, w, 5).for_each_rdd(note);
  in.reduce_by_key_and_window(
        std::plus<>{}, std::minus<>{}, {.length = 2s}, [](const auto&) { return true; },
        hash_partitioner{7})
      .for_each_rdd(note);
  in.group_by_key_and_window(w, 4).for_each_rdd(
      [&](const auto& r) { partitions.push_back(r.partitions()); });
  in.count_by_value_and_window(w, 6).for_each_rdd(
      [&](const auto& r) { partitions.push_back(r.partitions()); });
  s.advance();
  EXPECT_EQ(partitions, (std::vector<int>{3, 5, 7, 4, 6}));
}

TEST(StreamingWindows, count_by_window_is_empty_until_the_first_row_and_then_never) {
  auto seen = run<int>(
      {{}, {1, 2}, {3}, {}}, [](auto s) { return s.count_by_window({.length = 2s, .slide = 1s}); },
      2);
  EXPECT_EQ(seen.batches(), (lists<std::int64_t>{{}, {2}, {3}, {1}, {0}, {0}}));
}

TEST(StreamingWindows, reduce_by_window_with_and_without_inverse) {
  auto text = run<std::string>(
      {{"a", "b"}, {}, {"c"}, {"d"}},
      [](auto s) {
        return s.reduce_by_window([](const std::string& a, const std::string& b) { return a + b; },
                                  {.length = 3s});
      },
      3);
  EXPECT_EQ(text.batches(),
            (lists<std::string>{{"ab"}, {"ab"}, {"abc"}, {"cd"}, {"cd"}, {"d"}, {}}));
  auto sums = run<int>(
      {{1, 2}, {}, {5}},
      [](auto s) {
        return s.reduce_by_window(std::plus<>{}, std::minus<>{}, {.length = 2s, .slide = 1s});
      },
      2);
  EXPECT_EQ(sums.batches(), (lists<int>{{3}, {3}, {5}, {5}, {0}}));
  auto views = run<std::string_view>(
      {{"one", "three"}, {"a longer text than fits inline"}, {"x"}},
      [](auto s) {
        return s.reduce_by_window(
            [](std::string_view a, std::string_view b) { return a.size() < b.size() ? b : a; },
            {.length = 2s});
      },
      1);
  EXPECT_EQ(views.batches(), (lists<std::string_view>{{"three"},
                                                      {"a longer text than fits inline"},
                                                      {"a longer text than fits inline"},
                                                      {"x"}}));
}

TEST(StreamingWindows, count_by_value_and_window_forgets_what_drained) {
  auto seen = run<std::string>(
      {{"a", "b", "a"}, {"b"}}, [](auto s) { return s.count_by_value_and_window({.length = 2s}); },
      2);
  EXPECT_EQ(seen.sorted(), (lists<std::pair<std::string, std::int64_t>>{
                               {{"a", 2}, {"b", 1}}, {{"a", 2}, {"b", 2}}, {{"b", 1}}, {}}));
}

TEST(StreamingWindows, group_by_key_and_window_in_order_of_batches) {
  auto seen = run<word_count>(
      {{{"a", 1}, {"b", 2}}, {{"a", 3}}, {{"a", 4}, {"a", 5}}},
      [](auto s) { return s.group_by_key_and_window({.length = 2s}); }, 2);
  using row = std::pair<std::string, std::vector<int>>;
  EXPECT_EQ(seen.sorted(), (lists<row>{{{"a", {1}}, {"b", {2}}},
                                       {{"a", {1, 3}}, {"b", {2}}},
                                       {{"a", {3, 4, 5}}},
                                       {{"a", {4, 5}}},
                                       {}}));
}

/// What a window must give: all its rows, reduced in order.
lists<std::pair<int, std::string>> expected(const lists<std::pair<int, std::string>>& in,
                                            std::size_t length, std::size_t slide) {
  lists<std::pair<int, std::string>> out;
  for (std::size_t end = slide; end <= in.size(); end += slide) {
    std::map<int, std::string> all;
    for (std::size_t b = end < length ? 0 : end - length; b < end; ++b)
      for (const auto& [k, v] : in[b]) all[k] += v;
    out.emplace_back(all.begin(), all.end());
  }
  return out;
}

TEST(StreamingWindows, functions_that_do_not_commute_for_any_length_and_slide) {
  std::mt19937 random(7);
  for (int length = 1; length <= 17; ++length) {
    for (int slide : {1, 2, 3, 4, 6, 19}) {
      lists<std::pair<int, std::string>> in(static_cast<std::size_t>(60));
      for (std::size_t b = 0; b < in.size(); ++b)
        for (int k = 0; k < 6; ++k)  // key k: in one batch of k + 1
          if (random() % static_cast<unsigned>(k * k + 1) == 0)
            in[b].push_back({k, std::string(1, static_cast<char>('a' + b % 26))});
      auto seen = run<std::pair<int, std::string>>(in, [&](auto s) {
        return s.reduce_by_key_and_window(
            [](const std::string& a, const std::string& b) { return a + b; },
            {.length = length * 1s, .slide = slide * 1s});
      });
      EXPECT_EQ(seen.sorted(),
                expected(in, static_cast<std::size_t>(length), static_cast<std::size_t>(slide)))
          << length << " by " << slide;
    }
  }
}

TEST(StreamingWindows, with_an_inverse_for_any_length_and_slide) {
  std::mt19937 random(8);
  for (int length : {1, 2, 3, 5, 8}) {
    for (int slide : {1, 2, 3, 7}) {
      lists<std::pair<int, int>> in(40);
      for (auto& batch : in)
        for (int k = 0; k < 6; ++k)
          if (random() % static_cast<unsigned>(k + 1) == 0)
            batch.push_back({k, static_cast<int>(random() % 100) + 1});
      const auto both = [&](auto s) {
        const millrace::window w{length * 1s, slide * 1s};
        const auto not_zero = [](const std::pair<int, int>& row) { return row.second != 0; };
        auto a = s.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, w, not_zero);
        auto b = s.reduce_by_key_and_window([](int x, int y) { return x + y; }, w);
        return a.full_outer_join(b).filter(
            [](const auto& row) { return row.second.first != row.second.second; });
      };
      auto seen = run<std::pair<int, int>>(in, both);
      for (const auto& batch : seen.batches()) EXPECT_TRUE(batch.empty()) << length << ' ' << slide;
      EXPECT_EQ(seen.batches().size(), static_cast<std::size_t>(40 / slide));
    }
  }
}

TEST(StreamingWindows, a_key_that_changed_costs_log2_of_the_slides_at_most) {
  for (const int slides : {2, 5, 8, 30, 64, 300}) {
    std::atomic<int> calls{0};
    stream_fixture s{{.master = "local[1]", .batch = 1s, .conf = {test::state_store()}}};
    auto in = s.input<std::pair<int, int>>();
    auto sums = in.reduce_by_key_and_window([&calls](int a, int b) { return ++calls, a + b; },
                                            {.length = slides * 1s}, 1);
    std::vector<int> most;
    sums.for_each_rdd([&](const rdd<std::pair<int, int>>& r) {
      calls = 0;
      EXPECT_EQ(r.count(), 3);
      most.push_back(calls);
    });
    s.feed(in, lists<std::pair<int, int>>(static_cast<std::size_t>(3 * slides),
                                          {{1, 1}, {2, 1}, {3, 1}}));
    s.run();
    int log2 = 0;
    while (1 << log2 < slides) ++log2;
    for (const int n : most) EXPECT_LE(n, 3 * log2) << slides;
  }
}

TEST(StreamingWindows, an_output_that_reads_a_part_leaves_no_state_behind) {
  stream_fixture s{{.master = "local[2]", .batch = 1s, .conf = {test::state_store()}}};
  auto in = s.input<word_count>();
  auto sums = in.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, {.length = 3s}, 4);
  std::vector<std::weak_ptr<const detail::node>> made;
  std::int64_t rows = 0;
  sums.for_each_rdd([&](const rdd<word_count>& r, batch_time t) {
    made.push_back(r.node());
    if (t == batch_time(9s)) rows = r.count();
    else r.take(1);
  });
  lists<word_count> batches(9);
  for (int i = 0; i < 9; ++i) batches[i] = {{"k" + std::to_string(i), 1}};
  s.feed(in, batches);
  s.run();
  EXPECT_EQ(rows, 9);
  EXPECT_TRUE(made[5].expired());
}

TEST(StreamingWindows, misuse_is_refused_in_words) {
  stream_fixture s{{.master = "local[2]", .batch = 2s, .conf = {test::state_store()}}};
  auto in = s.input<word_count>();
  EXPECT_THROW(in.window({.length = 3s}), usage_error);
  EXPECT_THROW(in.window({.length = 4s, .slide = 3s}), usage_error);
  EXPECT_THROW(in.window({}), usage_error);
  EXPECT_THROW(in.window({.length = -2s}), usage_error);
  EXPECT_THROW(in.reduce_by_key_and_window(std::plus<>{}, {.length = 3s}), usage_error);
  EXPECT_THROW(in.reduce_by_key_and_window(std::plus<>{}, {.length = 4s}, 0), usage_error);
  try {
    in.window({.length = 3s});
  } catch (const usage_error& e) {
    EXPECT_NE(std::string(e.what()).find("3000 ms"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("2000 ms"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace millrace
