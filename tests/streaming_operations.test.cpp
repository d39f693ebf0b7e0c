// Batches in, batches out, for every operation on streams.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "millrace/error.hpp"
#include "millrace/split.hpp"
#include "millrace/testing.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using testing::stream_fixture;

template <class T>
using lists = std::vector<std::vector<T>>;
using word_count = std::pair<std::string, int>;

template <class T, class Operation>
auto run(const lists<T>& in, Operation operation, const std::string& master = "local[2]") {
  stream_fixture s{{.master = master, .batch = 1s, .conf = {{"default.parallelism", "2"}}}};
  auto input = s.input<T>();
  auto seen = s.collect(operation(input));
  s.feed(input, in);
  s.run();
  return seen;
}

TEST(StreamingOperations, map_keeps_order_and_empty_batches) {
  auto seen =
      run<int>({{1, 2, 3}, {}, {4}}, [](auto s) { return s.map([](int x) { return x * 2; }); });
  EXPECT_EQ(seen.batches(), (lists<int>{{2, 4, 6}, {}, {8}}));
}

TEST(StreamingOperations, filter_and_flat_map) {
  auto seen = run<std::string>({{"a b", "c"}, {}, {"b b"}}, [](auto s) {
    return s.flat_map(millrace::split(' ')).filter([](const auto& w) { return w != "a"; });
  });
  EXPECT_EQ(seen.batches(), (lists<std::string_view>{{"b", "c"}, {}, {"b", "b"}}));
}

TEST(StreamingOperations, flat_map_emits) {
  auto seen = run<int>({{1, 2}}, [](auto s) {
    return s.flat_map([](int n, millrace::emit<int>& out) {
      for (int i = 0; i < n; ++i) out(n);
    });
  });
  EXPECT_EQ(seen.batches(), (lists<int>{{1, 2, 2}}));
}

TEST(StreamingOperations, key_by_map_values_flat_map_values) {
  auto seen = run<int>({{1, 12}, {}}, [](auto s) {
    return s.key_by([](int x) { return x % 10; })
        .map_values([](int x) { return x + 1; })
        .flat_map_values([](int x) { return std::vector<int>{x, -x}; });
  });
  EXPECT_EQ(seen.batches(), (lists<std::pair<int, int>>{{{1, 2}, {1, -2}, {2, 13}, {2, -13}}, {}}));
}

TEST(StreamingOperations, reduce_by_key) {
  auto seen = run<word_count>({{{"a", 1}, {"b", 1}, {"a", 1}}, {}, {{"b", 3}}},
                              [](auto s) { return s.reduce_by_key(std::plus<>{}); });
  EXPECT_EQ(seen.sorted(), (lists<word_count>{{{"a", 2}, {"b", 1}}, {}, {{"b", 3}}}));
}

TEST(StreamingOperations, reduce_by_key_is_the_same_on_any_number_of_threads) {
  lists<word_count> in(3);
  for (int i = 0; i < 3000; ++i) in[i % 3].push_back({"key" + std::to_string(i % 701), i});
  auto by = [](auto s) { return s.reduce_by_key(std::plus<>{}, 4); };
  auto one = run<word_count>(in, by, "local[1]");
  for (const char* master : {"local[2]", "local[7]"}) {
    auto other = run<word_count>(in, by, master);
    ASSERT_EQ(one.batches().size(), other.batches().size());
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(one.batches()[i] == other.batches()[i]);
  }
}

TEST(StreamingOperations, group_by_key_keeps_the_order_of_values) {
  auto seen = run<word_count>({{{"a", 1}, {"b", 1}, {"a", 2}}, {}},
                              [](auto s) { return s.group_by_key(); });
  EXPECT_EQ(seen.sorted(),
            (lists<std::pair<std::string, std::vector<int>>>{{{"a", {1, 2}}, {"b", {1}}}, {}}));
}

TEST(StreamingOperations, combine_by_key) {
  auto seen = run<word_count>({{{"a", 1}, {"a", 4}}, {}}, [](auto s) {
    return s.combine_by_key(
        [](int v) { return std::pair<int, int>(v, 1); },
        [](std::pair<int, int> c, int v) { return std::pair<int, int>(c.first + v, c.second + 1); },
        [](std::pair<int, int> a, std::pair<int, int> b) {
          return std::pair<int, int>(a.first + b.first, a.second + b.second);
        });
  });
  EXPECT_EQ(seen.batches(),
            (lists<std::pair<std::string, std::pair<int, int>>>{{{"a", {5, 2}}}, {}}));
}

TEST(StreamingOperations, count_gives_one_row_always) {
  auto seen = run<std::string>({{"a", "b", "c"}, {}, {"d"}}, [](auto s) { return s.count(); });
  EXPECT_EQ(seen.batches(), (lists<std::int64_t>{{3}, {0}, {1}}));
}

TEST(StreamingOperations, count_of_many_chunks) {
  auto seen = run<int>({std::vector<int>(10'007, 1)}, [](auto s) { return s.count(); });
  EXPECT_EQ(seen.batches(), (lists<std::int64_t>{{10'007}}));
}

TEST(StreamingOperations, reduce_of_nothing_is_nothing) {
  auto seen = run<std::string>({{"a", "b", "c"}, {}, {"d"}}, [](auto s) {
    return s.reduce([](const std::string& a, const std::string& b) { return a + b; });
  });
  EXPECT_EQ(seen.batches(), (lists<std::string>{{"abc"}, {}, {"d"}}));
}

TEST(StreamingOperations, count_by_value) {
  auto seen = run<std::string>({{"a", "b", "a"}, {}}, [](auto s) { return s.count_by_value(); });
  EXPECT_EQ(seen.sorted(), (lists<std::pair<std::string, std::int64_t>>{{{"a", 2}, {"b", 1}}, {}}));
}

TEST(StreamingOperations, glom_repartition_map_partitions) {
  auto glom = run<int>({{1, 2, 3, 4}, {}}, [](auto s) { return s.glom(); });
  EXPECT_EQ(glom.batches(), (lists<std::vector<int>>{{{1, 2}, {3, 4}}, {{}, {}}}));
  auto three = run<int>({{1, 2, 3, 4}, {}}, [](auto s) {
    return s.repartition(3).map_partitions(
        [](millrace::partition_rows<int>&) { return std::vector<int>{1}; });
  });
  EXPECT_EQ(three.batches(), (lists<int>{{1, 1, 1}, {1, 1, 1}}));
  auto sums = run<int>({{1, 2, 3, 4}}, [](auto s) {
    return s.map_partitions_with_index([](int i, millrace::partition_rows<int>& rows) {
      int sum = 0;
      for (int x : rows) sum += x;
      return std::vector<std::pair<int, int>>{{i, sum}};
    });
  });
  EXPECT_EQ(sums.batches(), (lists<std::pair<int, int>>{{{0, 3}, {1, 7}}}));
}

TEST(StreamingOperations, union_keeps_duplicates) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto a = s.input<int>();
  auto b = s.input<int>();
  auto seen = s.collect(a + b);
  auto all = s.collect(s.streaming().union_of(a, b, a));
  s.feed(a, {{1, 2}, {}, {3}});
  s.feed(b, {{2}, {}});
  s.run();
  EXPECT_EQ(seen.batches(), (lists<int>{{1, 2, 2}, {}, {3}}));
  EXPECT_EQ(all.batches(), (lists<int>{{1, 2, 2, 1, 2}, {}, {3, 3}}));
}

TEST(StreamingOperations, transform_gets_dataset_and_time) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto in = s.input<int>();
  auto sorted = s.collect(in.transform(
      [](const millrace::rdd<int>& r) { return r.sort_by([](int x) { return -x; }); }));
  auto timed = s.collect(in.transform([](const millrace::rdd<int>& r, millrace::batch_time t) {
    return r.map([n = t.time_since_epoch().count()](int x) { return std::pair(n, x); });
  }));
  s.feed(in, {{1, 3, 2}, {}});
  s.run();
  EXPECT_EQ(sorted.batches(), (lists<int>{{3, 2, 1}, {}}));
  EXPECT_EQ(timed.batches(),
            (lists<std::pair<std::int64_t, int>>{{{1000, 1}, {1000, 3}, {1000, 2}}, {}}));
}

TEST(StreamingOperations, transform_with_and_n_ary_transform) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto a = s.input<int>();
  auto b = s.input<std::string>();
  auto two = s.collect(
      a.transform_with(b, [](const millrace::rdd<int>& x, const millrace::rdd<std::string>& y) {
        return x.map([](int v) { return std::to_string(v); }).union_with(y);
      }));
  auto three = s.collect(s.streaming().transform(
      [](const millrace::rdd<int>& x, const millrace::rdd<int>& y, const millrace::rdd<int>& z,
         millrace::batch_time) { return x + y + z; },
      a, a, a));
  s.feed(a, {{1}, {2}});
  s.feed(b, {{"x"}});
  s.run();
  EXPECT_EQ(two.batches(), (lists<std::string>{{"1", "x"}, {"2"}}));
  EXPECT_EQ(three.batches(), (lists<int>{{1, 1, 1}, {2, 2, 2}}));
}

TEST(StreamingOperations, joins_are_within_a_batch) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto a = s.input<std::pair<int, std::string>>();
  auto b = s.input<std::pair<int, int>>();
  auto inner = s.collect(a.join(b));
  auto left = s.collect(a.left_outer_join(b));
  auto right = s.collect(a.right_outer_join(b));
  auto full = s.collect(a.full_outer_join(b));
  auto both = s.collect(a.cogroup(b));
  s.feed(a, {{{1, "x"}, {2, "y"}}, {}});
  s.feed(b, {{{2, 20}, {3, 30}}, {{1, 10}}});
  s.run();
  using text = std::string;
  using std::nullopt;
  EXPECT_EQ(inner.sorted(), (lists<std::pair<int, std::pair<text, int>>>{{{2, {"y", 20}}}, {}}));
  EXPECT_EQ(left.sorted(), (lists<std::pair<int, std::pair<text, std::optional<int>>>>{
                               {{1, {"x", nullopt}}, {2, {"y", 20}}}, {}}));
  EXPECT_EQ(right.sorted(), (lists<std::pair<int, std::pair<std::optional<text>, int>>>{
                                {{2, {"y", 20}}, {3, {nullopt, 30}}}, {{1, {nullopt, 10}}}}));
  EXPECT_EQ(full.batches()[0].size(), 3U);
  EXPECT_EQ(both.batches()[0].size(), 3U);
}

struct by_parity {
  int partitions() const { return 2; }
  int operator()(int key) const { return key & 1; }
  bool operator==(const by_parity&) const = default;
};

TEST(StreamingOperations, by_key_into_given_partitions) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto in = s.input<std::pair<int, int>>();
  std::vector<int> partitions;
  const auto note = [&](const auto& r) { partitions.push_back(r.partitions()); };
  in.reduce_by_key(std::plus<>{}, 3).for_each_rdd(note);
  in.group_by_key(4).for_each_rdd(note);
  in.join(in, 5).for_each_rdd(note);
  in.count_by_value(6).for_each_rdd(note);
  auto odd_even = s.collect(in.reduce_by_key(std::plus<>{}, by_parity{}).glom());
  s.feed(in, {{{1, 1}, {2, 2}, {3, 3}}});
  s.run();
  EXPECT_EQ(partitions, (std::vector<int>{3, 4, 5, 6}));
  EXPECT_EQ(odd_even.batches()[0][0].size(), 1U);
  EXPECT_EQ(odd_even.batches()[0][1].size(), 2U);
}

TEST(StreamingOperations, cogroup_of_several) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto a = s.input<std::pair<int, std::string>>();
  auto b = s.input<std::pair<int, int>>();
  auto c = s.input<std::pair<int, double>>();
  auto seen = s.collect(a.cogroup(b, c));
  s.feed(a, {{{1, "x"}, {1, "y"}}, {}});
  s.feed(b, {{{1, 7}}, {{2, 8}}});
  s.feed(c, {{{3, 0.5}}});
  s.run();
  using row =
      std::pair<int, std::tuple<std::vector<std::string>, std::vector<int>, std::vector<double>>>;
  EXPECT_EQ(seen.sorted(),
            (lists<row>{{{1, {{"x", "y"}, {7}, {}}}, {3, {{}, {}, {0.5}}}}, {{2, {{}, {8}, {}}}}}));
}

TEST(StreamingOperations, slice_gives_what_is_remembered) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto in = s.input<int>();
  auto doubled = in.map([](int x) { return 2 * x; });
  auto every_second = in.window({.length = 2s, .slide = 2s});
  auto a = s.collect(doubled);
  auto b = s.collect(every_second);
  s.streaming().remember(10s);
  EXPECT_THROW(doubled.slice(batch_time(1s), batch_time(2s)), usage_error);  // not started
  s.feed(in, {{1}, {2}, {3}, {4}, {5}});
  s.run();
  const auto rows = [](const auto& datasets) {
    lists<int> all;
    for (const auto& one : datasets) all.push_back(one.collect().to_vector());
    return all;
  };
  EXPECT_EQ(rows(doubled.slice(batch_time(2s), batch_time(4s))), (lists<int>{{4}, {6}, {8}}));
  EXPECT_EQ(rows(doubled.slice(batch_time(2500ms), batch_time(3999ms))), (lists<int>{{4}, {6}}));
  EXPECT_EQ(rows(doubled.slice(batch_time(-5s), batch_time(1s))), (lists<int>{{2}}));
  EXPECT_EQ(rows(doubled.slice(batch_time(5s), batch_time(99s))), (lists<int>{{10}}));
  EXPECT_EQ(rows(every_second.slice(batch_time(1s), batch_time(5s))), (lists<int>{{1, 2}, {3, 4}}));
  EXPECT_THROW(doubled.slice(batch_time(2s), batch_time(1s)), usage_error);
}

TEST(StreamingOperations, slice_of_a_forgotten_batch_says_what_to_do) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto in = s.input<int>();
  auto seen = s.collect(in);
  s.feed(in, {{1}, {2}, {3}, {4}});
  s.run();
  try {
    in.slice(batch_time(1s), batch_time(4s));
    FAIL();
  } catch (const usage_error& e) {
    EXPECT_NE(std::string(e.what()).find("remember"), std::string::npos) << e.what();
  }
}

TEST(StreamingOperations, object_files_are_written_and_read_back) {
  const std::string directory = ::testing::TempDir() + "millrace_object_files";
  std::filesystem::remove_all(directory);
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto in = s.input<word_count>();
  in.save_as_object_files(directory + "/rows", "o");
  s.feed(in, {{{"a", 1}, {"b", 2}}, {}});
  s.run();
  EXPECT_EQ(s.context().object_file<word_count>(directory + "/rows-1000.o").count(), 2);
  EXPECT_EQ(s.context().object_file<word_count>(directory + "/rows-2000.o").count(), 0);
  std::filesystem::remove_all(directory);
}

TEST(StreamingOperations, checkpoint_intervals_are_multiples_of_the_slide) {
  for (const auto interval : {500ms, 1500ms}) {
    stream_fixture s{{.master = "local[2]", .batch = 1s}};
    auto in = s.input<int>();
    auto seen = s.collect(in.checkpoint(interval));
    EXPECT_THROW(s.advance(), usage_error);
  }
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto in = s.input<int>();
  auto seen = s.collect(in.map([](int x) { return x; }).checkpoint(2s));
  s.advance();
  EXPECT_THROW(in.checkpoint(1s), usage_error);
  EXPECT_EQ(seen.batches(), (lists<int>{{}}));
}

TEST(StreamingOperations, bool_rows_and_rows_that_view) {
  auto flags = run<bool>({{true, false}, {}}, [](auto s) { return s; });
  EXPECT_EQ(flags.batches(), (lists<bool>{{true, false}, {}}));
  auto views = run<std::string_view>({{"long enough to be no short string at all", "b"}},
                                     [](auto s) { return s; });
  EXPECT_EQ(views.batches(),
            (lists<std::string_view>{{"long enough to be no short string at all", "b"}}));
}

TEST(StreamingOperations, a_stream_used_twice_is_computed_once_a_batch) {
  int made = 0;
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto in = s.input<int>();
  auto once = in.transform([&made](const millrace::rdd<int>& r) { return ++made, r; });
  auto a = s.collect(once.map([](int x) { return x; }));
  auto b = s.collect(once);
  s.feed(in, {{1}, {2}});
  s.run();
  EXPECT_EQ(made, 2);
  EXPECT_EQ(a.batches(), b.batches().size() == 2 ? (lists<int>{{1}, {2}}) : lists<int>{});
}

TEST(StreamingOperations, queue_stream_one_at_a_time_or_all_and_its_fallback) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  const auto& sc = s.context();
  millrace::rdd_queue<int> one, all, with_fallback;
  auto a = s.collect(s.streaming().queue_stream(one));
  auto b = s.collect(s.streaming().queue_stream(all, {.one_at_a_time = false}));
  auto c = s.collect(s.streaming().queue_stream(with_fallback, {.fallback = sc.parallelize({9})}));
  auto d = s.collect(s.streaming().constant_stream(sc.parallelize({7, 8})));
  for (const auto& queue : {one, all, with_fallback}) {
    queue.push(sc.parallelize({1, 2}));
    queue.push(sc.parallelize({3}));
  }
  s.advance(3);
  EXPECT_EQ(a.batches(), (lists<int>{{1, 2}, {3}, {}}));
  EXPECT_EQ(b.batches(), (lists<int>{{1, 2, 3}, {}, {}}));
  EXPECT_EQ(c.batches(), (lists<int>{{1, 2}, {3}, {9}}));
  EXPECT_EQ(d.batches(), (lists<int>{{7, 8}, {7, 8}, {7, 8}}));
}

TEST(StreamingOperations, an_input_may_be_fed_again_after_a_run) {
  stream_fixture s{{.master = "local[2]", .batch = 500ms}};
  auto in = s.input<int>();
  auto seen = s.collect(in);
  s.feed(in, {{1}});
  s.run();
  s.feed(in, {{2}, {3}});
  s.run();
  s.advance();
  EXPECT_EQ(seen.batches(), (lists<int>{{1}, {2}, {3}, {}}));
  EXPECT_EQ(s.now(), millrace::batch_time(2s));
}

TEST(StreamingOperations, datasets_of_old_batches_are_let_go) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto in = s.input<int>();
  std::vector<std::weak_ptr<const detail::node>> made;
  in.map([](int x) { return x; }).for_each_rdd([&made](const millrace::rdd<int>& r) {
    made.push_back(r.node());
  });
  s.feed(in, {{1}, {2}, {3}, {4}});
  s.run();
  ASSERT_EQ(made.size(), 4U);
  EXPECT_TRUE(made[0].expired());
  EXPECT_TRUE(made[2].expired());
}

TEST(StreamingOperations, misuse_is_refused_in_words) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  stream_fixture other{{.master = "local[2]", .batch = 1s}};
  auto a = s.input<int>();
  auto b = other.input<int>();
  EXPECT_THROW(a.union_with(b), usage_error);
  EXPECT_THROW(a.print(-1), usage_error);
  EXPECT_THROW(s.advance(), usage_error);  // there is no output
  EXPECT_THROW((millrace::streaming_context{s.context(), 0ms}), usage_error);
}

TEST(StreamingOperations, nothing_can_be_added_after_start) {
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto in = s.input<int>();
  auto seen = s.collect(in);
  s.advance();
  EXPECT_THROW(in.map([](int x) { return x; }), usage_error);
  EXPECT_THROW(in.print(), usage_error);
  EXPECT_THROW(s.input<int>(), usage_error);
  EXPECT_THROW(s.streaming().remember(1s), usage_error);
}

}  // namespace
}  // namespace millrace
