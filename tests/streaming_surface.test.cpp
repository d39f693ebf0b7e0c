// Every member of a stream and its context, written as a user writes it: this must compile, and
// run.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

#include "millrace/socket.hpp"
#include "millrace/testing.hpp"

namespace mr = millrace;
using namespace std::chrono_literals;

namespace {

using row = std::pair<std::string, int>;

struct click {
  std::string user;
  int times;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 in <=> for a pointer
  auto operator<=>(const click&) const = default;
};

struct by_length {
  int partitions() const { return 2; }
  int operator()(const std::string& key) const { return static_cast<int>(key.size() % 2); }
  bool operator==(const by_length&) const = default;
};

class StreamingSurface : public testing::Test {
 protected:
  StreamingSurface() {
    std::string name = "/tmp/millrace.surface.XXXXXX";
    directory = ::mkdtemp(name.data());
  }
  ~StreamingSurface() override { std::filesystem::remove_all(directory); }

  std::string directory;
};

TEST_F(StreamingSurface, EachBatch) {
  mr::testing::stream_fixture s{{.batch = 1s, .conf = {{"log.level", "warn"}}}};
  const mr::dstream<int> a = s.input<int>();
  const auto words = s.input<std::string>();
  const auto clicks = s.input<click>();

  auto doubled = s.collect(a.map([](int n) { return 2 * n; }));
  auto users = s.collect(clicks.map(&click::user));
  auto split = s.collect(
      words.flat_map(mr::split(' ')).map([](std::string_view w) { return std::string(w); }));
  auto in_words = s.collect(words.flat_map(mr::words()).count());
  auto emitted = s.collect(a.flat_map([](int n, mr::emit<int>& out) { out(n), out(n); }));
  auto odd = s.collect(a.filter([](int n) { return n % 2 != 0; }));
  auto sums = s.collect(a.map_partitions([](mr::partition_rows<int>& rows) {
                           int sum = 0;
                           for (int n : rows) sum += n;
                           return std::vector{sum};
                         }).reduce(std::plus<>{}));
  auto indexed = s.collect(a.map_partitions_with_index([](int i, mr::partition_rows<int>& rows) {
    return std::vector{i * static_cast<int>(rows.to_rows().size()) * 0};
  }));
  auto glommed = s.collect(a.repartition(1).glom());
  mr::dstream<std::pair<int, int>> keyed = a.key_by([](int n) { return n % 2; });
  auto keys = s.collect(keyed);
  mr::dstream<std::int64_t> count = a.count();
  auto counts = s.collect(count);
  mr::dstream<std::pair<int, std::int64_t>> times = a.count_by_value();
  auto values = s.collect(times);
  s.collect(a.count_by_value(3));
  auto both = s.collect(a.union_with(a) + a);
  auto largest = s.collect(
      a.transform([](const mr::rdd<int>& r) { return r.sort_by([](int n) { return -n; }); }));
  auto stamped = s.collect(a.transform([](const mr::rdd<int>& r, mr::batch_time at) {
    return r.map([at](int n) { return std::pair{n, at.time_since_epoch().count()}; });
  }));
  auto zipped = s.collect(
      a.transform_with(a.map([](int n) { return n + 1; }),
                       [](const mr::rdd<int>& x, const mr::rdd<int>& y) { return x.zip(y); }));
  s.collect(
      a.transform_with(words, [](const mr::rdd<int>& x, const mr::rdd<std::string>&,
                                 std::chrono::sys_time<std::chrono::milliseconds>) { return x; }));

  s.feed(a, {{3, 1, 3}, {}});
  s.feed(words, {{"a b", "c"}});
  s.feed(clicks, {{{"ann", 1}, {"bob", 2}}});
  s.run();

  EXPECT_EQ(doubled.batches(), (std::vector<std::vector<int>>{{6, 2, 6}, {}}));
  EXPECT_EQ(users.sorted(), (std::vector<std::vector<std::string>>{{"ann", "bob"}, {}}));
  std::string all_users;
  for (const std::string& user : users.batches()[0]) all_users += user;
  EXPECT_EQ(all_users, "annbob");
  EXPECT_EQ(split.sorted(), (std::vector<std::vector<std::string>>{{"a", "b", "c"}, {}}));
  EXPECT_EQ(in_words.batches(), (std::vector<std::vector<std::int64_t>>{{3}, {0}}));
  EXPECT_EQ(emitted.batches()[0].size(), 6U);
  EXPECT_EQ(odd.sorted(), (std::vector<std::vector<int>>{{1, 3, 3}, {}}));
  EXPECT_EQ(sums.batches()[0], std::vector{7});
  EXPECT_EQ(indexed.batches()[0][0], 0);
  EXPECT_EQ(glommed.batches()[0].front().size(), 3U);
  EXPECT_EQ(keys.sorted()[0].front(), (std::pair{1, 1}));
  EXPECT_EQ(counts.batches(), in_words.batches());
  EXPECT_FALSE(odd.sorted() == doubled.sorted());
  EXPECT_EQ(values.sorted()[0], (std::vector<std::pair<int, std::int64_t>>{{1, 1}, {3, 2}}));
  EXPECT_EQ(both.sorted()[0], (std::vector{1, 1, 1, 3, 3, 3, 3, 3, 3}));
  EXPECT_EQ(largest.batches()[0], (std::vector{3, 3, 1}));
  EXPECT_EQ(stamped.batches()[0].front(), (std::pair{3, std::int64_t{1000}}));
  EXPECT_EQ(zipped.batches()[0].front(), (std::pair{3, 4}));
}

TEST_F(StreamingSurface, Pairs) {
  mr::testing::stream_fixture s{{.batch = 1s, .conf = {{"log.level", "warn"}}}};
  const auto a = s.input<row>();
  const auto b = s.input<std::pair<std::string, double>>();
  const mr::hash_partitioner by{3};

  auto half = s.collect(a.map_values([](int n) { return n * 0.5; }));
  auto twice = s.collect(a.flat_map_values([](int n) { return std::vector{n, n}; }));
  std::vector<mr::testing::collected<row>> sums{
      s.collect(a.reduce_by_key(std::plus<>{})),
      s.collect(a.reduce_by_key(std::plus<>{}, 3)),
      s.collect(a.reduce_by_key(std::plus<>{}, by)),
      s.collect(a.reduce_by_key(std::plus<>{}, by_length{})),
      s.collect(a.combine_by_key([](int n) { return n; }, std::plus<>{}, std::plus<>{})),
      s.collect(a.combine_by_key([](int n) { return n; }, std::plus<>{}, std::plus<>{}, by))};
  mr::dstream<std::pair<std::string, std::vector<int>>> grouped = a.group_by_key();
  auto groups = s.collect(grouped);
  s.collect(a.group_by_key(2)), s.collect(a.group_by_key(by_length{}));
  auto parted = s.collect(a.partition_by(by).glom());
  mr::dstream<std::pair<std::string, std::pair<int, double>>> joined = a.join(b);
  auto joins = s.collect(joined);
  s.collect(a.join(b, 3)), s.collect(a.join(b, by));
  mr::dstream<std::pair<std::string, std::pair<int, std::optional<double>>>> left =
      a.left_outer_join(b);
  auto lefts = s.collect(left);
  mr::dstream<std::pair<std::string, std::pair<std::optional<int>, double>>> right =
      a.right_outer_join(b, 2);
  auto rights = s.collect(right);
  mr::dstream<std::pair<std::string, std::pair<std::optional<int>, std::optional<double>>>> full =
      a.full_outer_join(b, by);
  auto fulls = s.collect(full);
  mr::dstream<std::pair<std::string, std::tuple<std::vector<int>, std::vector<double>>>> together =
      a.cogroup(b);
  auto cogroups = s.collect(together);
  auto three = s.collect(a.cogroup(b, a));

  s.feed(a, {{{"x", 1}, {"yy", 2}, {"x", 3}}});
  s.feed(b, {{{"x", 0.5}, {"z", 1}}});
  s.run();

  EXPECT_EQ(half.sorted()[0][0], (std::pair<std::string, double>{"x", 0.5}));
  EXPECT_EQ(twice.batches()[0].size(), 6U);
  for (const auto& one : sums)
    EXPECT_EQ(one.sorted(), (std::vector<std::vector<row>>{{{"x", 4}, {"yy", 2}}}));
  EXPECT_EQ(groups.sorted()[0][0].second, (std::vector{1, 3}));
  EXPECT_EQ(parted.batches()[0].size(), 3U);
  EXPECT_EQ(joins.batches()[0].size() + lefts.batches()[0].size(), 2U + 3U);
  EXPECT_EQ(rights.batches()[0].size() + fulls.batches()[0].size(), 3U + 4U);
  EXPECT_EQ(cogroups.batches()[0].size() + three.batches()[0].size(), 6U);
}

TEST_F(StreamingSurface, Windows) {
  mr::testing::stream_fixture s{{.batch = 1s, .conf = {{"log.level", "warn"}}}};
  const auto a = s.input<int>();
  const auto pairs = s.input<row>();
  const mr::window w{.length = 2s, .slide = 1s};

  auto all = s.collect(a.window(w));
  auto slow = s.collect(a.window({.length = 2s, .slide = 2s}));
  auto counts = s.collect(a.count_by_window({.length = 2s}));
  auto sums = s.collect(a.reduce_by_window(std::plus<>{}, {.length = 2s, .slide = 1s}));
  auto inverse = s.collect(a.reduce_by_window(std::plus<>{}, std::minus<>{}, w));
  auto values = s.collect(a.count_by_value_and_window({.length = 2s, .slide = 1s}));
  auto groups = s.collect(pairs.group_by_key_and_window({.length = 2s, .slide = 1s}));
  auto plain =
      s.collect(pairs.reduce_by_key_and_window(std::plus<>{}, {.length = 2s, .slide = 1s}));
  auto filtered = s.collect(
      pairs.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, {.length = 2s, .slide = 1s},
                                     [](const row& one) { return one.second != 0; }));
  auto kept = s.collect(pairs.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, w));

  s.feed(a, {{1, 2}, {3}, {}});
  s.feed(pairs, {{{"a", 1}}, {{"a", 1}, {"b", 1}}, {}});
  s.run();
  s.advance(1);

  EXPECT_EQ(all.sorted(), (std::vector<std::vector<int>>{{1, 2}, {1, 2, 3}, {3}, {}}));
  EXPECT_EQ(slow.sorted(), (std::vector<std::vector<int>>{{1, 2, 3}, {}}));
  EXPECT_EQ(counts.batches(), (std::vector<std::vector<std::int64_t>>{{2}, {3}, {1}, {0}}));
  EXPECT_EQ(sums.batches(), (std::vector<std::vector<int>>{{3}, {6}, {3}, {}}));
  EXPECT_EQ(inverse.batches(), (std::vector<std::vector<int>>{{3}, {6}, {3}, {0}}));
  EXPECT_EQ(values.sorted()[2], (std::vector<std::pair<int, std::int64_t>>{{3, 1}}));
  EXPECT_EQ(groups.sorted()[1][0].second, (std::vector{1, 1}));
  EXPECT_EQ(plain.sorted(), (std::vector<std::vector<row>>{
                                {{"a", 1}}, {{"a", 2}, {"b", 1}}, {{"a", 1}, {"b", 1}}, {}}));
  EXPECT_TRUE(filtered.sorted() == plain.sorted());
  EXPECT_EQ(kept.sorted()[3], (std::vector<row>{{"a", 0}, {"b", 0}}));
  EXPECT_EQ(s.now().time_since_epoch(), 4s);
}

TEST_F(StreamingSurface, FunctionsThatCantBeCopied) {
  mr::testing::stream_fixture s{{.batch = 1s, .conf = {{"log.level", "warn"}}}};
  const auto a = s.input<int>();
  const auto words = s.input<std::pair<std::string_view, std::string_view>>();
  const auto one = [] { return std::make_unique<int>(1); };
  auto keyed = s.collect(a.key_by([by = one()](int n) { return n * *by; }));
  auto mapped =
      s.collect(a.map_partitions([by = one()](mr::partition_rows<int>& rows, mr::emit<int>& out) {
        for (const int n : rows) out(n * *by);
      }));
  auto indexed =
      s.collect(a.map_partitions_with_index([by = one()](int, mr::partition_rows<int>& rows) {
        return std::vector{static_cast<int>(rows.to_rows().size()) * *by};
      }));
  const auto add = [&] { return [by = one()](int x, int y) { return (x + y) * *by; }; };
  auto combined =
      s.collect(a.key_by([](int) {
                   return 0;
                 }).combine_by_key([by = one()](int n) { return n * *by; }, add(), add()));
  auto sums = s.collect(a.reduce_by_window(add(), {.length = 2s}));
  auto last = s.collect(words.reduce_by_key_and_window(
      [by = one()](std::string_view, std::string_view y) { return y.substr(0, std::size_t(*by)); },
      {.length = 2s}));
  s.feed(a, {{1, 2}, {3}});
  s.feed(words, {{{"k", "abc"}}, {{"k", "xyz"}}});
  s.run();
  EXPECT_EQ(keyed.sorted()[0], (std::vector<std::pair<int, int>>{{1, 1}, {2, 2}}));
  EXPECT_EQ(mapped.sorted(), (std::vector<std::vector<int>>{{1, 2}, {3}}));
  EXPECT_EQ(indexed.batches()[0].size(), 2U);
  EXPECT_EQ(combined.batches()[0], (std::vector<std::pair<int, int>>{{0, 3}}));
  EXPECT_EQ(sums.batches(), (std::vector<std::vector<int>>{{3}, {6}}));
  EXPECT_EQ(last.batches()[1],
            (std::vector<std::pair<std::string_view, std::string_view>>{{"k", "x"}}));
}

TEST_F(StreamingSurface, CogroupIntoPartitions) {
  mr::testing::stream_fixture s{{.batch = 1s, .conf = {{"default.parallelism", "5"}}}};
  const auto a = s.input<row>();
  const auto b = s.input<std::pair<std::string, double>>();
  const auto partitions_of = [&](const auto& stream) {
    auto seen = std::make_shared<int>(0);
    stream.for_each_rdd([seen](const auto& r) { *seen = r.partitions(); });
    return seen;
  };
  const auto by_default = partitions_of(a.cogroup(b));
  const auto three = partitions_of(a.cogroup(b, a, 3));
  const auto by_two = partitions_of(a.cogroup(b, by_length{}));
  const auto groups = s.collect(a.cogroup(b, a, mr::hash_partitioner{2}));
  s.feed(a, {{{"x", 1}}});
  s.feed(b, {{{"y", 0.5}}});
  s.run();
  EXPECT_EQ(*by_default, 5);
  EXPECT_EQ(*three, 3);
  EXPECT_EQ(*by_two, 2);
  EXPECT_EQ(groups.batches()[0].size(), 2U);
}

TEST_F(StreamingSurface, State) {
  mr::testing::stream_fixture s{{.batch = 1s, .conf = {{"log.level", "warn"}}}};
  const auto a = s.input<row>();
  const auto initial = s.context().parallelize<row>({{"old", 7}});
  const auto add = [](std::span<const int> values, std::optional<int> before) {
    int sum = before.value_or(0);
    for (const int n : values) sum += n;
    return std::optional(sum);
  };

  mr::dstream<row> totals = a.update_state_by_key<int>(add);
  auto seen = s.collect(totals);
  auto skipping = s.collect(a.update_state_by_key<int>(
      add, {.initial = initial, .partitions = 3, .idle = mr::idle::skip}));
  auto mapped = a.map_with_state<int>(
      [](const std::string& key, const int* value, mr::state<int>& total) -> std::optional<row> {
        if (total.timing_out()) return row{key, -total.get()};
        if (*value < 0) {
          if (total.exists()) total.remove();
          return std::nullopt;
        }
        total.update(total.get_or(0) + *value);
        return row{key, total.get()};
      },
      {.initial = initial, .timeout = 10s, .partitions = 2});
  auto out = s.collect(mapped);
  auto all = s.collect(mapped.snapshots());
  auto silent = a.map_with_state<int>(
      [](const std::string&, const int* value, mr::state<int>& last) { last.update(*value); });
  auto lasts = s.collect(silent.snapshots());

  s.feed(a, {{{"a", 1}, {"a", 2}}, {{"b", 5}}, {{"a", -1}}});
  s.run();
  EXPECT_EQ(seen.sorted()[1], (std::vector<row>{{"a", 3}, {"b", 5}}));
  EXPECT_EQ(skipping.sorted()[2], (std::vector<row>{{"a", 2}, {"b", 5}, {"old", 7}}));
  EXPECT_EQ(out.batches(), (std::vector<std::vector<row>>{{{"a", 1}, {"a", 3}}, {{"b", 5}}, {}}));
  EXPECT_EQ(all.sorted()[2], (std::vector<row>{{"b", 5}, {"old", 7}}));
  EXPECT_EQ(lasts.sorted()[2], (std::vector<row>{{"a", -1}, {"b", 5}}));
}

struct reporter : mr::streaming_listener {
  void streaming_started(const mr::streaming_started_info& info) override {
    note("started", info.time.time_since_epoch().count() >= 0);
  }
  void receiver_started(const mr::receiver_info& info) override { note(info.name, true); }
  void receiver_error(const mr::receiver_info& info) override {
    note(info.last_error_message, info.last_error_time.has_value() &&
                                      info.last_error == info.last_error_message &&
                                      !info.location.empty() && !info.executor_id.empty());
  }
  void receiver_stopped(const mr::receiver_info& info) override { note("", !info.active); }
  void batch_submitted(const mr::batch_info& info) override {
    note("submitted", info.num_records == 2 && info.submission_time.time_since_epoch() >= 0s);
  }
  void batch_started(const mr::batch_info& info) override {
    note("running", info.scheduling_delay && info.processing_start_time);
  }
  void batch_completed(const mr::batch_info& info) override {
    note("completed", info.batch_time.time_since_epoch() == 1s && info.processing_delay &&
                          info.total_delay && info.processing_end_time &&
                          info.output_operation_infos.at(0).failure_reason == std::nullopt);
    const mr::stream_input_info& input = info.stream_id_to_input_info.at(0);
    note("input", input.input_stream_id == 0 && input.num_records == 2 &&
                      !input.metadata_description.empty());
  }
  void output_operation_started(const mr::output_operation_info& info) override {
    note(info.name, info.id == 0 && info.start_time && !info.end_time &&
                        info.description == "output operation 0 (write)");
  }
  void output_operation_completed(const mr::output_operation_info& info) override {
    note("done", info.duration && !info.failure_reason);
  }
  void note(const std::string& what, bool right) {
    const std::lock_guard lock(mutex);
    told.push_back(right ? what : "wrong: " + what);
  }
  std::mutex mutex;
  std::vector<std::string> told;
};

struct numbers {
  using record_type = int;
  struct range {
    int from, to;
  };
  range next(const mr::batch_limits& limits) {
    const int from = at;
    at += limits.max_records > 2 ? 2 : 1;
    return {from, at};
  }
  int partitions(const range& r) const { return r.to > r.from ? 1 : 0; }
  void read(const range& r, int, mr::emit<int>& out) const {
    for (int i = r.from; i < r.to; ++i) out(i);
  }
  std::int64_t records(const range& r) const { return r.to - r.from; }
  int at = 0;
};
static_assert(mr::stream_source<numbers>);

struct once : mr::receiver<std::string_view> {
  void on_start() override {
    store("one by one");
    store_all(std::vector<std::string_view>{"in", "a block"});
    report_error("tired");
    stop("done");
  }
  void on_stop() override {}
};
struct source_of_once {
  using record_type = std::string_view;
  std::unique_ptr<mr::receiver<std::string_view>> make_receiver() const {
    return std::make_unique<once>();
  }
};
static_assert(mr::stream_source<source_of_once>);

struct written {
  std::mutex mutex;
  std::map<std::int64_t, std::vector<int>> batches;
};
struct plain_sink {
  void write(const mr::output_id& id, mr::partition_rows<int>& rows) const {
    const std::lock_guard lock(to->mutex);
    auto& batch = to->batches[id.batch.time_since_epoch() / 1s];
    for (const int n : rows) batch.push_back(n);
  }
  std::shared_ptr<written> to = std::make_shared<written>();
};
struct two_phase_sink {
  std::vector<int> prepare(const mr::output_id&, mr::partition_rows<int>& rows) const {
    return rows.to_rows().to_vector();
  }
  void commit(mr::batch_time batch, const std::vector<std::vector<int>>& receipts) const {
    auto& rows = to->batches[batch.time_since_epoch() / 1s];
    for (const auto& one : receipts) rows.insert(rows.end(), one.begin(), one.end());
  }
  bool committed(mr::batch_time batch) const {
    return to->batches.contains(batch.time_since_epoch() / 1s);
  }
  std::shared_ptr<written> to = std::make_shared<written>();
};
static_assert(mr::stream_sink<plain_sink, int> && mr::stream_sink<two_phase_sink, int>);

TEST_F(StreamingSurface, SourcesSinksListeners) {
  mr::testing::stream_fixture s{{.name = "own", .batch = 1s, .conf = {{"log.level", "warn"}}}};
  const mr::streaming_context& ssc = s.streaming();
  const auto listener = std::make_shared<reporter>();
  reporter removed;
  ssc.add_listener(listener);
  ssc.add_listener(removed);
  ssc.remove_listener(removed);
  const plain_sink plain;
  const two_phase_sink phased;
  const auto stream = ssc.stream(numbers{});
  stream.write(plain);
  s.advance(1);
  EXPECT_EQ(plain.to->batches, (std::map<std::int64_t, std::vector<int>>{{1, {0, 1}}}));
  ssc.stop({.context = true, .graceful = true});
  EXPECT_EQ(listener->told, (std::vector<std::string>{"started", "submitted", "running", "write",
                                                      "done", "completed", "input"}));
  EXPECT_TRUE(removed.told.empty());

  mr::testing::stream_fixture t{{.batch = 1s, .conf = {{"log.level", "warn"}}}};
  t.streaming().stream(numbers{}).write(phased);
  t.advance(2);
  EXPECT_EQ(phased.to->batches,
            (std::map<std::int64_t, std::vector<int>>{{1, {0, 1}}, {2, {2, 3}}}));
}

TEST_F(StreamingSurface, ContextAndOutputs) {
  mr::testing::stream_fixture s{{.batch = 1s, .conf = {{"log.level", "warn"}}}};
  const mr::streaming_context& ssc = s.streaming();
  EXPECT_EQ(ssc.state(), mr::streaming_state::initialized);
  ssc.remember(10s);
  const mr::rdd_queue<int> queue;
  queue.push(s.context().parallelize({1, 2}));
  queue.push(s.context().parallelize({3}));
  auto one = s.collect(
      ssc.queue_stream(queue, {.one_at_a_time = true, .fallback = s.context().parallelize({9})}));
  mr::rdd_queue<int> second;
  second.push(s.context().parallelize({1}));
  second.push(s.context().parallelize({2}));
  const auto numbers = ssc.queue_stream(second, {.one_at_a_time = false});
  auto together = s.collect(numbers);
  auto united = s.collect(ssc.union_of(numbers, numbers, numbers).count());
  auto changed = s.collect(ssc.transform(
      [](const mr::rdd<int>& x, const mr::rdd<int>& y, mr::batch_time) { return x.union_with(y); },
      numbers, numbers));
  s.collect(ssc.transform([](const mr::rdd<int>& x) { return x; }, numbers));

  const auto kept = numbers.map([](int n) { return n; }).cache().named("kept");
  kept.persist(mr::storage_level::memory_encoded);
  numbers.persist(mr::storage_level::memory_and_disk);
  int batches = 0;
  std::int64_t last = 0;
  kept.for_each_rdd([&](const mr::rdd<int>& r) { batches += r.count() >= 0; });
  kept.for_each_rdd(
      [&](const mr::rdd<int>&, mr::batch_time at) { last = at.time_since_epoch().count(); });
  testing::internal::CaptureStdout();
  kept.print();
  kept.map([](int n) { return std::pair{std::string("key"), n * 0.5}; }).print(1);
  kept.save_as_text_files(directory + "/text", "txt");
  kept.save_as_object_files(directory + "/objects");
  s.advance(3);
  std::fflush(stdout);
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_NE(printed.find("-------------------------------------------\n"
                         "Time: 1000 ms\n"
                         "-------------------------------------------\n1\n2\n\n"),
            std::string::npos)
      << printed;
  EXPECT_NE(printed.find("\n(key,0.5)\n...\n\n"), std::string::npos) << printed;
  EXPECT_EQ(one.sorted(), (std::vector<std::vector<int>>{{1, 2}, {3}, {9}}));
  EXPECT_EQ(together.sorted()[0], (std::vector{1, 2}));
  EXPECT_EQ(united.batches()[0].front(), 6);
  EXPECT_EQ(changed.batches()[0].size(), 4U);
  EXPECT_EQ(batches, 3);
  EXPECT_EQ(last, 3000);
  EXPECT_EQ(s.context().text_file(directory + "/text-1000.txt").count(), 2);
  EXPECT_EQ(s.context().object_file<int>(directory + "/objects-1000").count(), 2);
  const std::vector<mr::rdd<int>> slice = kept.slice(mr::batch_time(1s), mr::batch_time(2000ms));
  EXPECT_EQ(slice.size(), 2U);
  EXPECT_EQ(ssc.state(), mr::streaming_state::active);
  ASSERT_TRUE(mr::streaming_context::active().has_value());
  ssc.stop();
  EXPECT_EQ(ssc.state(), mr::streaming_state::stopped);
  EXPECT_FALSE(mr::streaming_context::active().has_value());
}

TEST_F(StreamingSurface, Errors) {
  mr::testing::stream_fixture s{{.batch = 1s, .conf = {{"log.level", "off"}}}};
  const auto a = s.input<int>();
  s.collect(a.map([](int n) -> int {
    if (n == 2) throw std::runtime_error("no twos");
    return n;
  }));
  s.feed(a, {{1, 2}});
  try {
    s.run();
    FAIL();
  } catch (const mr::stream_error& e) {
    EXPECT_EQ(e.batch_time(), mr::batch_time(1s));
    EXPECT_EQ(e.operation(), "for_each_rdd");
    try {
      std::rethrow_if_nested(e);
      FAIL();
    } catch (const mr::job_error& job) {
      EXPECT_GE(job.stage() + job.partition() + job.attempt(), 0);
      EXPECT_GE(job.row(), 0);
      EXPECT_THROW(std::rethrow_if_nested(job), std::runtime_error);
    }
    EXPECT_NE(mr::describe(e).find("no twos"), std::string::npos);
  }
  const auto pairs = mr::testing::stream_fixture{{.batch = 1s}}.input<row>();
  const auto refuses = [](const std::string& text, auto f) {
    try {
      f();
      ADD_FAILURE() << text;
    } catch (const mr::usage_error& e) {
      EXPECT_EQ(e.what(), text);
    }
  };
  const std::string number = ": the number of partitions must be positive: -2";
  refuses("reduce_by_key" + number, [&] { pairs.reduce_by_key(std::plus<>{}, -2); });
  refuses("join" + number, [&] { pairs.join(pairs, -2); });
  refuses("cogroup" + number, [&] { pairs.cogroup(pairs, -2); });
  refuses("count_by_value" + number, [&] { pairs.count_by_value(-2); });
  refuses("reduce_by_key_and_window" + number,
          [&] { pairs.reduce_by_key_and_window(std::plus<>{}, {.length = 2s}, -2); });
  refuses("map_with_state" + number,
          [&] { pairs.map_with_state<int>([](auto&, auto*, auto&) {}, {.partitions = -2}); });
  refuses("remember: the time must not be negative: -1 ms",
          [] { mr::streaming_context({.batch = 10ms}).remember(-1ms); });
  EXPECT_THROW(mr::streaming_context({.batch = 0ms}), mr::usage_error);
  EXPECT_THROW(mr::streaming_context({.conf = {{"streaming.nonsense", "1"}}}), mr::error);
}

// On the real clock: sources that need a world around them, and the ways to begin and to end.
TEST_F(StreamingSurface, Life) {
  std::filesystem::create_directory(directory + "/in");
  std::ofstream(directory + "/in/a.txt") << "one\ntwo\n";
  mr::context sc{{.name = "life", .master = "local[2]", .conf = {{"log.level", "off"}}}};
  mr::streaming_context ssc{sc, 20ms};
  EXPECT_EQ(ssc.context().default_parallelism(), 2);
  std::mutex mutex;
  std::map<std::string, std::int64_t> counts;
  const auto count = [&](const std::string& name, const auto& stream) {
    counts[name] = 0;
    stream.for_each_rdd([&, name](const auto& r) {
      const std::int64_t n = r.count();
      const std::lock_guard lock(mutex);
      counts[name] += n;
    });
  };
  const mr::file_stream_options all{.filter = [](const std::string&) { return true; },
                                    .new_files_only = false};
  mr::dstream<std::string_view> lines = ssc.text_file_stream(directory + "/in", all);
  count("lines", lines);
  count("sizes", ssc.file_stream<std::size_t>(
                     directory + "/in",
                     [](const std::string& path) {
                       return std::vector{std::size_t{std::filesystem::file_size(path)}};
                     },
                     {.filter = [](const std::string& p) { return p.ends_with(".txt"); },
                      .new_files_only = false}));
  count("records", ssc.binary_records_stream(directory + "/in", 4, all));
  count("received", ssc.receiver_stream(once{}));
  count("pointer", ssc.receiver_stream(std::make_unique<once>()));
  count("made", ssc.stream(source_of_once{}));
  // Nobody listens there.
  ssc.socket_text_stream("127.0.0.1", 1).print();
  count("socket", ssc.stream(mr::socket::text{.host = "127.0.0.1", .port = 1}));
  count("decoded", ssc.socket_stream<int>("127.0.0.1", 1,
                                          [](std::string_view&) { return std::optional<int>(); }));
  count("raw", ssc.raw_socket_stream<click>("127.0.0.1", 1));
  ssc.stream(mr::socket::text{.host = "127.0.0.1", .port = 1})
      .write(mr::socket::lines{.host = "127.0.0.1", .port = 1});
  testing::internal::CaptureStdout();
  ssc.start();
  EXPECT_FALSE(ssc.await_termination_for(1ms));
  mr::streaming_context same = mr::streaming_context::active_or_create([&] { return ssc; });
  EXPECT_EQ(same.core(), ssc.core());
  for (int i = 0; i < 1000; ++i) {
    {
      const std::lock_guard lock(mutex);
      if (counts["lines"] + counts["sizes"] + counts["records"] + counts["received"] +
              counts["pointer"] + counts["made"] ==
          14)
        break;
    }
    ssc.await_termination_for(20ms);
  }
  ssc.stop({.context = false, .graceful = true});
  ssc.await_termination();
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(counts, (std::map<std::string, std::int64_t>{{"lines", 2},
                                                         {"sizes", 1},
                                                         {"records", 2},
                                                         {"received", 3},
                                                         {"pointer", 3},
                                                         {"made", 3},
                                                         {"socket", 0},
                                                         {"decoded", 0},
                                                         {"raw", 0}}));

  mr::streaming_context made = mr::streaming_context::get_or_create(
      directory + "/checkpoint", {.name = "made", .master = "local[2]", .batch = 20ms},
      [](mr::streaming_context& built) { built.stream(numbers{}).print(0); });
  EXPECT_EQ(made.state(), mr::streaming_state::initialized);
  made.checkpoint(directory + "/other");
  made.stop({.graceful = true});
  const char* const arguments[] = {"program", "--nonsense"};
  EXPECT_EQ(mr::launch(2, arguments, {.name = "clicks", .batch = 2s, .checkpoint = directory},
                       [](mr::streaming_context&) {}),
            2);
}

}  // namespace
