// Every member of a dataset, written as a user writes it: this must compile, and run.
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <unordered_map>
#if !defined(__clang__)  // Clang 14 does not take libstdc++'s views
#include <ranges>
#endif

#include "millrace/millrace.hpp"

namespace mr = millrace;
using namespace std::chrono_literals;

namespace {

struct click {
  std::string user;
  int times;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 in <=> for a pointer
  auto operator<=>(const click&) const = default;
};

struct contact {
  std::array<std::string, 2> names;
  std::array<std::vector<std::string>, 2> lines;
  int age;
};

struct by_length {
  int partitions() const { return 2; }
  int operator()(const std::string& key) const { return static_cast<int>(key.size() % 2); }
  bool operator==(const by_length&) const = default;
};

class RddSurface : public testing::Test {
 protected:
  mr::context sc{{.name = "surface", .master = "local[2]", .conf = {{"log.level", "warn"}}}};
};

TEST_F(RddSurface, Lazy) {
  const mr::rdd<int> a = sc.parallelize({3, 1, 2, 3}, 2);
  const mr::rdd<std::string> words = sc.parallelize<std::string>({"a b", "c"}, 2);
  const mr::rdd<std::pair<std::string, int>> pairs =
      sc.parallelize<click>({{"ann", 1}, {"bob", 2}}).map([](const click& c) {
        return std::pair{c.user, c.times};
      });

  mr::rdd<int> same = a.filter([](int n) { return n > 0; });
  mr::rdd<std::string> users = sc.parallelize<click>({{"ann", 1}}).map(&click::user);
  mr::rdd<std::string_view> split = words.flat_map(mr::split(' '));
  mr::rdd<int> emitted = a.flat_map([](int n, mr::emit<int>& out) { out(n), out(n); });
  auto partitioned = a.map_partitions([](mr::partition_rows<int>& rows) {
    int sum = 0;
    for (int n : rows) sum += n;
    return std::vector{sum};
  });
  auto indexed = a.map_partitions_with_index([](int i, mr::partition_rows<int>& rows) {
    return std::vector{i, int(rows.to_rows().size())};
  });
  mr::rdd<std::vector<int>> glommed = a.glom();
  mr::rdd<std::pair<int, int>> keyed = a.key_by([](int n) { return n % 2; });
  a.distinct(), a.distinct(3);
  a.union_with(a), a + a;
  a.intersection(same), a.intersection(same, 3), a.subtract(same), a.subtract(same, 3);
  mr::rdd<std::pair<int, std::string>> product = a.cartesian(words);
  mr::rdd<std::pair<int, int>> zipped = a.zip(same);
  auto three = a.zip_partitions(
      [](auto& x, auto& y, auto& z) {
        return std::vector{x.to_rows().size(), y.to_rows().size(), z.to_rows().size()};
      },
      words, a);
  mr::rdd<std::pair<int, std::int64_t>> numbered = a.zip_with_index();
  numbered = a.zip_with_unique_id();
  mr::rdd<std::pair<int, std::vector<int>>> groups = a.group_by([](int n) { return n % 2; });
  a.group_by([](int n) { return n % 2; }, 3);
  a.sort_by([](int n) { return -n; }), a.sort_by([](int n) { return n; }, {.ascending = false});
  a.sort_by([](int n) { return n; }, {.ascending = true, .partitions = 3});
  a.sample({.fraction = 0.5}), a.sample({.replacement = true, .fraction = 2, .seed = 9});
  std::vector<mr::rdd<int>> parts = a.random_split({0.5, 0.5}, 3);
  a.random_split({1, 2});
  a.repartition(3), a.coalesce(1);
  mr::rdd<int> met = a.barrier().map_partitions([](mr::partition_rows<int>&) {
    mr::barrier_tasks::current().wait();
    return std::vector{mr::barrier_tasks::current().partition()};
  });
  EXPECT_EQ(met.collect(), (std::vector<int>{0, 1}));
  mr::rdd<std::string> lines = a.pipe("cat");
  a.pipe({"head", "-n1"}), a.pipe(std::string("cat"));
  EXPECT_EQ(product.count() + zipped.count() + numbered.count() + lines.count(), 8 + 4 + 4 + 4);
  EXPECT_EQ(three.collect(), (std::vector<std::size_t>{2, 1, 2, 2, 1, 2}));
  EXPECT_EQ(split.count() + emitted.count() + users.count(), 3 + 8 + 1);
  EXPECT_EQ(partitioned.sum(), 9);
  EXPECT_EQ(indexed.count() + glommed.count() + keyed.count() + groups.count(), 4 + 2 + 4 + 2);
  EXPECT_EQ(parts[0].count() + parts[1].count(), 4);
  EXPECT_EQ(sc.union_of(a, a, a).count(), 12);
  EXPECT_EQ(pairs.partitioner(), std::nullopt);

  const auto kept = a.map([](int n) { return n; }).cache().name("kept");
  EXPECT_EQ(kept.persist(mr::storage_level::memory).storage_level(), mr::storage_level::memory);
  EXPECT_GE(kept.id(), 0);
  EXPECT_EQ(kept.partitions(), 2);
  EXPECT_NE(kept.debug_string().find("kept map["), std::string::npos);
  EXPECT_EQ(kept.unpersist().count(), 4);
}

TEST_F(RddSurface, Actions) {
  const mr::rdd<int> a = sc.parallelize({3, 1, 2, 3}, 2);
  mr::rows<int> all = a.collect();
  EXPECT_EQ(all, (std::vector{3, 1, 2, 3}));
  EXPECT_EQ((std::vector{3, 1, 2, 3}), all);
  EXPECT_EQ(all.front() + all.back() + all[1] + static_cast<int>(all.size()), 11);
  EXPECT_EQ(std::vector<int>(all.begin(), all.end()), all.to_vector());
  std::int64_t n = a.count();
  EXPECT_EQ(n, 4);
  EXPECT_EQ(a.first(), 3);
  EXPECT_EQ(a.take(2), (std::vector{3, 1}));
  EXPECT_EQ(a.top(2), (std::vector{3, 3}));
  EXPECT_EQ(a.top(2, std::greater<>{}), (std::vector{1, 2}));
  EXPECT_EQ(a.take_ordered(2), (std::vector{1, 2}));
  EXPECT_EQ(a.take_ordered(2, [](int x, int y) { return x > y; }), (std::vector{3, 3}));
  EXPECT_EQ(a.reduce(std::plus<>{}), 9);
  EXPECT_EQ(a.fold(0, std::plus<>{}), 9);
  EXPECT_EQ(a.aggregate(0.0, [](double s, int x) { return s + x; }, std::plus<>{}), 9.0);
  EXPECT_EQ(a.tree_reduce(std::plus<>{}), 9);
  EXPECT_EQ(a.tree_reduce(std::plus<>{}, 3), 9);
  EXPECT_EQ(a.tree_aggregate(0L, [](long s, int x) { return s + x; }, std::plus<>{}, 3), 9L);
  EXPECT_EQ(a.max(), 3);
  EXPECT_EQ(a.min(), 1);
  EXPECT_FALSE(a.is_empty());
  const auto counts = a.count_by_value();
  EXPECT_EQ(counts.at(3), 2);
  EXPECT_TRUE(counts.contains(1) && !counts.contains(9));
  EXPECT_EQ(counts.find(9), counts.end());
  std::size_t seen = 0;
  for (const auto& [row, times] : counts) seen += row > 0 && times > 0;
  EXPECT_EQ(seen, counts.size());
  EXPECT_EQ(a.take_sample(false, 2).size(), 2U);
  EXPECT_EQ(a.take_sample(true, 20, 7).size(), 20U);
  a.for_each([](int) {});
  a.for_each_partition([](mr::partition_rows<int>& rows) { static_cast<void>(rows.to_rows()); });
  int sum = 0;
  for (const int& x : a.local_iterator()) sum += x;
  EXPECT_EQ(sum, 9);
  const mr::bounded<double> about = a.count_approx(10s, 0.9);
  EXPECT_TRUE(about.is_final && about.mean == 4 && about.low == 4 && about.high == 4);
  EXPECT_EQ(a.count_approx_distinct(0.01), 3);
  EXPECT_EQ(a.count_approx_distinct(), 3);

  double total = a.sum();
  EXPECT_EQ(total, 9);
  EXPECT_EQ(a.mean(), 2.25);
  EXPECT_DOUBLE_EQ(a.variance(), a.stdev() * a.stdev());
  EXPECT_DOUBLE_EQ(a.sample_variance(), a.sample_stdev() * a.sample_stdev());
  const auto s = a.stats();
  EXPECT_EQ(s.count, 4);
  EXPECT_EQ(s.min + s.max + s.sum, 13);
  const auto [edges, in_each] = a.histogram(2);
  EXPECT_EQ(edges, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(in_each, (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(a.histogram({0, 2, 10}), (std::vector<std::int64_t>{1, 3}));

  EXPECT_EQ(sc.parallelize(std::vector<bool>{true, false}, 1).collect(),
            (std::vector<bool>{true, false}));
  EXPECT_EQ(sc.parallelize({true, false}, 1).collect().to_vector().size(), 2U);
}

TEST_F(RddSurface, Pairs) {
  using row = std::pair<std::string, int>;
  const mr::rdd<row> a = sc.parallelize<row>({{"x", 1}, {"yy", 2}, {"x", 3}}, 2);
  const auto b = sc.parallelize<std::pair<std::string, double>>({{"x", 0.5}, {"z", 1}}, 2);
  const mr::hash_partitioner by{3};
  const mr::range_partitioner ranges{2, a};
  const mr::range_partitioner falling{2, a, false};

  EXPECT_EQ(a.keys().count() + a.values().count(), 6);
  a.map_values([](int n) { return n * 0.5; }).flat_map_values([](double d) {
    return std::vector{d, d};
  });
  for (const auto& sums :
       {a.reduce_by_key(std::plus<>{}), a.reduce_by_key(std::plus<>{}, 3),
        a.reduce_by_key(std::plus<>{}, by), a.reduce_by_key(std::plus<>{}, ranges),
        a.reduce_by_key(std::plus<>{}, by_length{}), a.fold_by_key(0, std::plus<>{}),
        a.fold_by_key(0, std::plus<>{}, by), a.aggregate_by_key(0, std::plus<>{}, std::plus<>{}),
        a.aggregate_by_key(0, std::plus<>{}, std::plus<>{}, falling),
        a.combine_by_key([](int n) { return n; }, std::plus<>{}, std::plus<>{}),
        a.combine_by_key([](int n) { return n; }, std::plus<>{}, std::plus<>{}, by)})
    EXPECT_EQ(sums.collect_as_map().at("x"), 4);
  mr::rdd<std::pair<std::string, std::vector<int>>> groups = a.group_by_key();
  EXPECT_EQ(groups.count() + a.group_by_key(2).count() + a.group_by_key(by_length{}).count(), 6);
  mr::rdd<std::pair<std::string, std::pair<int, double>>> joined = a.join(b);
  EXPECT_EQ(joined.count() + a.join(b, 3).count() + a.join(b, by).count(), 6);
  mr::rdd<std::pair<std::string, std::pair<int, std::optional<double>>>> left =
      a.left_outer_join(b);
  mr::rdd<std::pair<std::string, std::pair<std::optional<int>, double>>> right =
      a.right_outer_join(b, 2);
  auto full = a.full_outer_join(b, ranges);
  EXPECT_EQ(left.count() + right.count() + full.count(), 3 + 3 + 4);
  mr::rdd<std::pair<std::string, std::tuple<std::vector<int>, std::vector<double>>>> together =
      a.cogroup(b);
  auto more = a.cogroup(b, a, a);
  EXPECT_EQ(together.count() + more.count() + a.cogroup(b, a, 2).count(), 9);
  EXPECT_EQ(a.subtract_by_key(b).count() + a.subtract_by_key(b, by).count(), 2);
  a.partition_by(by), a.partition_by(ranges), a.partition_by(by_length{}), a.partition_by(4);
  EXPECT_EQ(a.partition_by(by).partitioner(), by);
  EXPECT_EQ(a.sort_by_key({.ascending = false, .partitions = 2}).first().first, "yy");
  EXPECT_EQ(a.sort_by_key().first().second, 1);
  EXPECT_EQ(a.repartition_and_sort_within_partitions(by).count(), 3);
  EXPECT_EQ(a.filter_by_range("a", "xz").count(), 2);
  const std::unordered_map<std::string, double> all{{"x", 1.0}, {"yy", 1.0}};
  EXPECT_EQ(a.sample_by_key(false, all).count(), 3);
  EXPECT_EQ(a.sample_by_key(false, {{"x", 1.0}, {"yy", 0.0}}, 5).count(), 2);
  EXPECT_EQ(a.lookup("x"), (std::vector{1, 3}));
  EXPECT_EQ(a.count_by_key().at("x"), 2);
  EXPECT_EQ(a.collect_as_map().at("x"), 3);
  EXPECT_EQ(a.reduce_by_key_locally(std::plus<>{}).at("x"), 4);
}

TEST_F(RddSurface, RowsWithArrays) {
  const auto contacts = sc.parallelize<contact>(
      {{{"ann", "lee"}, {{{"1 road"}, {}}}, 31}, {{"bob", "ray"}, {{{}, {"x", "y"}}}, 45}}, 2);
  EXPECT_EQ(contacts.map([](const contact& c) { return c.names[1]; }).collect(),
            (std::vector<std::string>{"lee", "ray"}));
  EXPECT_EQ(contacts.key_by(&contact::age).repartition(3).lookup(45).front().lines[1].back(), "y");
}

TEST_F(RddSurface, OneRowComparesFromBothSides) {
  const auto words = sc.parallelize<std::string_view>({"b", "a"}, 2);
  EXPECT_TRUE(words.first() == "b" && std::string("b") == words.first() && "b" == words.first());
  EXPECT_TRUE(words.min() != std::string("b") && words.first() == words.max());
}

// Functions that can't be copied, and generic ones whose parameters are constant references.
TEST_F(RddSurface, Functions) {
  const auto a = sc.parallelize({1, 2, 3, 4}, 2);
  const auto pairs = a.key_by([](auto& n) { return n % 2; });
  const auto add = [] {
    return [none = std::make_unique<int>(0)](int x, int y) { return x + y + *none; };
  };
  EXPECT_EQ(a.map([one = std::make_unique<int>(1)](int n) { return n + *one; }).sum(), 14);
  EXPECT_EQ(a.reduce(add()) + a.fold(0, add()) + a.aggregate(0, add(), add()), 30);
  EXPECT_EQ(pairs.reduce_by_key(add()).lookup(0), std::vector{6});
  EXPECT_EQ(pairs.fold_by_key(0, add()).lookup(0), std::vector{6});
  EXPECT_EQ(pairs.aggregate_by_key(0, add(), add()).lookup(0), std::vector{6});
  EXPECT_EQ(pairs
                .combine_by_key([one = std::make_unique<int>(1)](int n) { return n * *one; }, add(),
                                add())
                .lookup(0),
            std::vector{6});
  const auto seen = sc.accumulator<int>("seen");
  a.for_each_async([seen, one = std::make_unique<int>(1)](int) { seen += *one; }).get();
  EXPECT_EQ(seen.value(), 4);

  const auto sum = [](auto& x, auto& y) { return x + y; };
  EXPECT_EQ(a.reduce(sum) + a.fold(0, sum) + a.aggregate(0, sum, sum), 30);
  EXPECT_EQ(pairs.reduce_by_key(sum).lookup(0), std::vector{6});
  EXPECT_EQ(pairs.fold_by_key(0, sum).lookup(0), std::vector{6});
  EXPECT_EQ(pairs.aggregate_by_key(0L, sum, sum).lookup(0), std::vector{6L});
  EXPECT_EQ(pairs.combine_by_key([](auto& n) { return n; }, sum, sum).lookup(0), std::vector{6});
  const auto text = a.map([](auto& n) { return std::to_string(n); });
  EXPECT_EQ(text.reduce(sum), "1234");
}

// What stands for a row, and pairs whose first is a constant, are no rows: what they stand for is.
TEST_F(RddSurface, RowsOfRanges) {
  const std::map<std::string, int> ages{{"ann", 31}, {"bob", 45}};
  const mr::rdd<std::pair<std::string, int>> pairs = sc.parallelize(ages, 2);
  EXPECT_EQ(pairs.union_with(pairs).reduce_by_key(std::plus<>{}).lookup("bob"), std::vector{90});
  const auto a = sc.parallelize({1, 2, 3}, 2);
  mr::rdd<std::pair<int, int>> entries =
      a.flat_map([](int n) { return std::unordered_map<int, int>{{n, n * n}}; });
  EXPECT_EQ(entries.values().sum(), 14);
  mr::rdd<bool> bits = a.flat_map([](int n) { return std::vector<bool>(std::size_t(n), n > 1); });
  EXPECT_EQ(bits.collect(), (std::vector<bool>{false, true, true, true, true, true}));
  std::vector<bool> flags{true, false};
  EXPECT_EQ(sc.parallelize(flags).sum(), 1);
  std::deque<int> numbers{1, 2};
  EXPECT_EQ(sc.parallelize(numbers).sum() + sc.parallelize(std::deque<int>{3}).sum(), 6);
#if !defined(__clang__)
  // A view that can only be read where it may change itself.
  auto odd = numbers | std::views::filter([](int n) { return n % 2 != 0; });
  EXPECT_EQ(sc.parallelize(odd).count(), 1);
  EXPECT_EQ(sc.parallelize(numbers | std::views::filter([](int n) { return n > 0; })).count(), 2);
#endif
}

// A number that can't be is told with the operation that was given it.
TEST_F(RddSurface, ErrorsNameTheOperation) {
  const auto a = sc.parallelize({1, 2}, 2);
  const auto pairs = a.key_by([](int n) { return n; });
  const auto refuses = [](const std::string& operation, auto f) {
    try {
      f();
      ADD_FAILURE() << operation;
    } catch (const mr::usage_error& e) {
      EXPECT_EQ(e.what(), operation + ": the number of partitions must be positive: -2");
    }
  };
  refuses("distinct", [&] { a.distinct(-2); });
  refuses("intersection", [&] { a.intersection(a, -2); });
  refuses("subtract", [&] { a.subtract(a, -2); });
  refuses("group_by", [&] { a.group_by([](int n) { return n; }, -2); });
  refuses("reduce_by_key", [&] { pairs.reduce_by_key(std::plus<>{}, -2); });
  refuses("fold_by_key", [&] { pairs.fold_by_key(0, std::plus<>{}, -2); });
  refuses("group_by_key", [&] { pairs.group_by_key(-2); });
  refuses("join", [&] { pairs.join(pairs, -2); });
  refuses("cogroup", [&] { pairs.cogroup(pairs, -2); });
  refuses("partition_by", [&] { pairs.partition_by(-2); });
  refuses("repartition_and_sort_within_partitions",
          [&] { pairs.repartition_and_sort_within_partitions(-2); });
}

TEST_F(RddSurface, ContextsOfDefaults) {
  const mr::context all_default{{}};
  EXPECT_EQ(all_default.parallelize({1, 2}).count(), 2);
}

}  // namespace
