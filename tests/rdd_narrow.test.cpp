// Operations that work partition by partition, sources, unions.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;
using namespace std::string_literals;

class RddNarrow : public testing::TestWithParam<const char*> {
 protected:
  context sc{{.name = "narrow", .master = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Masters, RddNarrow, testing::ValuesIn(masters), name_of_master);

TEST_P(RddNarrow, ParallelizeCutsEvenlyInOrder) {
  for (int n : {0, 1, 2, 5, 1023, 1024, 1025, 5000}) {
    std::vector<int> rows(static_cast<std::size_t>(n));
    std::iota(rows.begin(), rows.end(), 0);
    for (int slices : {1, 2, 3, 7}) {
      const auto data = sc.parallelize(rows, slices);
      EXPECT_EQ(data.partitions(), slices);
      EXPECT_EQ(data.collect(), rows);
      EXPECT_EQ(data.count(), n);
      const auto parts = by_partition(data);
      ASSERT_EQ(parts.size(), static_cast<std::size_t>(slices));
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto at = [&](std::size_t x) { return x * rows.size() / parts.size(); };
        EXPECT_EQ(parts[i].size(), at(i + 1) - at(i));
      }
    }
  }
  EXPECT_EQ(sc.parallelize({1, 2, 3}).partitions(), sc.default_parallelism());
  EXPECT_EQ(sc.parallelize(std::vector<bool>{true, false, true}, 2).collect(),
            (std::vector<bool>{true, false, true}));
  EXPECT_EQ(sc.empty<int>().partitions(), 0);
  EXPECT_EQ(sc.empty<std::string>().collect().size(), 0U);
  EXPECT_NE(error_of<usage_error>([&] { sc.parallelize({1}, -2); }).find("parallelize"),
            std::string::npos);
}

TEST_P(RddNarrow, RangeCountsUpAndDown) {
  EXPECT_EQ(sc.range(5).collect(), (ints{0, 1, 2, 3, 4}));
  EXPECT_EQ(sc.range(0, 10, 3, 2).collect(), (ints{0, 3, 6, 9}));
  EXPECT_EQ(sc.range(10, 0, -4, 3).collect(), (ints{10, 6, 2}));
  EXPECT_EQ(sc.range(3, 3).count(), 0);
  EXPECT_EQ(sc.range(3, 1).count(), 0);
  const auto top = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(sc.range(top - 2, top, 1, 4).collect(), (ints{top - 2, top - 1}));
  const auto bottom = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(sc.range(bottom, top, top, 2).collect(), (ints{bottom, -1, top - 1}));
  EXPECT_NE(error_of<usage_error>([&] { sc.range(0, 1, 0); }), "");
  EXPECT_NE(error_of<usage_error>([&] { sc.range(0, 1, 1, -1); }).find("-1"), std::string::npos);
}

TEST_P(RddNarrow, MapFilterFlatMapAreWhatTheStandardLibraryDoes) {
  for (int n : {0, 1, 1000, 3000}) {
    const auto data = sc.range(0, n, 1, 3);
    ints doubled;
    ints even;
    strings texts;
    std::vector<char> letters;
    for (int i = 0; i < n; ++i) {
      doubled.push_back(2 * i);
      if (i % 2 == 0) even.push_back(i);
      for (int j = 0; j < i % 4; ++j) texts.push_back(std::to_string(i) + std::string(30, 'x'));
      letters.push_back(static_cast<char>('a' + i % 26));
    }
    EXPECT_EQ(data.map([](std::int64_t x) { return 2 * x; }).collect(), doubled);
    EXPECT_EQ(data.filter([](std::int64_t x) { return x % 2 == 0; }).collect(), even);
    EXPECT_EQ(data.flat_map([](std::int64_t x) {
                    return strings(static_cast<std::size_t>(x % 4),
                                   std::to_string(x) + std::string(30, 'x'));
                  })
                  .collect(),
              texts);
    EXPECT_EQ(data.flat_map([](std::int64_t x, emit<std::string>& out) {
                    for (int j = 0; j < x % 4; ++j) out(std::to_string(x) + std::string(30, 'x'));
                  })
                  .collect(),
              texts);
    EXPECT_EQ(data.flat_map([](std::int64_t x) {
                    return std::string(1, static_cast<char>('a' + x % 26));
                  })
                  .collect(),
              letters);
    EXPECT_EQ(data.map([](std::int64_t x) { return x % 3 == 0; })
                  .filter([](bool b) { return b; })
                  .count(),
              (n + 2) / 3);
  }
}

struct person {
  std::string name;
  int age;
  int next() const { return age + 1; }
};

TEST_P(RddNarrow, FunctionsAreInvoked) {
  const auto people = sc.parallelize(std::vector<person>{{"ann", 30}, {"bob", 40}}, 2);
  EXPECT_EQ(people.map(&person::name).collect(), (strings{"ann", "bob"}));
  EXPECT_EQ(people.map(&person::next).collect(), (std::vector<int>{31, 41}));
  EXPECT_EQ(people.key_by(&person::age).keys().collect(), (std::vector<int>{30, 40}));
  EXPECT_EQ(sc.parallelize({4.0, 9.0}, 2).map(static_cast<double (*)(double)>(std::sqrt)).collect(),
            (std::vector<double>{2, 3}));
}

TEST_P(RddNarrow, AnEmitterLearnsWhenItIsEnough) {
  std::atomic<std::int64_t> emitted{0};
  const auto rows = sc.parallelize({1}, 1)
                        .flat_map([&emitted](int, emit<int>& out) {
                          for (int i = 0; i < 10'000'000 && !out.enough(); ++i, ++emitted) out(i);
                        })
                        .take(3);
  EXPECT_EQ(rows, (std::vector<int>{0, 1, 2}));
  EXPECT_LT(emitted, 10'000);
}

TEST_P(RddNarrow, PartitionsAreGivenWholeAndEmptyOnesToo) {
  const auto data = sc.range(0, 5000, 1, 3);
  const auto sums = data.map_partitions([](partition_rows<std::int64_t>& rows) {
    std::int64_t sum = 0;
    for (const auto& r : rows) sum += r;
    return ints{sum};
  });
  const auto total = sums.collect();
  EXPECT_EQ(total.size(), 3U);
  EXPECT_EQ(std::accumulate(total.begin(), total.end(), std::int64_t{0}), 5000 * 4999 / 2);
  const auto indexed = sc.parallelize({7}, 3).map_partitions_with_index(
      [](int index, partition_rows<int>& rows, emit<std::pair<int, int>>& out) {
        int n = 0;
        for (const auto& r : rows) n += r;
        out({index, n});
      });
  EXPECT_EQ(indexed.collect(), (std::vector<std::pair<int, int>>{{0, 0}, {1, 0}, {2, 7}}));
  EXPECT_EQ(data.map_partitions([](partition_rows<std::int64_t>& rows) { return rows.to_rows(); })
                .count(),
            5000);
  EXPECT_EQ(by_partition(sc.range(0, 4, 1, 2)), (std::vector<ints>{{0, 1}, {2, 3}}));
  EXPECT_EQ(by_partition(sc.empty<std::int64_t>()).size(), 0U);
  std::atomic<int> partitions{0};
  data.for_each_partition([&](partition_rows<std::int64_t>&) { ++partitions; });
  EXPECT_EQ(partitions, 3);
}

TEST_P(RddNarrow, ViewsThroughEveryOperation) {
  auto source = std::make_unique<strings>(long_words(3000));
  const strings words = *source;
  std::vector<std::string_view> views(source->begin(), source->end());
  const auto held = sc.parallelize(views, 3);  // its rows own their text
  for (auto& w : *source) std::fill(w.begin(), w.end(), '#');
  source = nullptr;
  EXPECT_EQ(held.collect(), words);

  // Views of rows that live for a chunk only.
  const auto dying = [&] {
    return sc.parallelize(words, 3).map([](const std::string& w) { return w + "!"; });
  };
  strings marked = words;
  for (auto& w : marked) w += "!";
  const auto as_view = [](const std::string& w) { return std::string_view(w); };
  EXPECT_EQ(dying().map(as_view).collect(), marked);
  EXPECT_EQ(dying().map(as_view).filter([](std::string_view) { return true; }).take(2000),
            strings(marked.begin(), marked.begin() + 2000));
  EXPECT_EQ(*dying().map(as_view).first(), marked[0]);
  EXPECT_EQ(dying().flat_map([](const std::string& w) { return split(' ')(w); }).count(),
            3000 * 10);
  EXPECT_EQ(dying()
                .map(as_view)
                .map_partitions([](partition_rows<std::string_view>& rows) {
                  std::vector<std::string_view> all;
                  for (const auto& r : rows) all.push_back(r);
                  return all;
                })
                .collect(),
            marked);
  strings glommed;
  for (const auto& part : dying().map(as_view).glom().collect())
    for (const auto& w : part) glommed.emplace_back(w);
  EXPECT_EQ(glommed, marked);
  EXPECT_EQ(*dying().map(as_view).reduce(
                [](std::string_view a, std::string_view b) { return a < b ? b : a; }),
            *std::max_element(marked.begin(), marked.end()));
  EXPECT_EQ(*dying().map(as_view).max(), *std::max_element(marked.begin(), marked.end()));
  EXPECT_EQ(dying().map(as_view).union_with(held).count(), 6000);
  const auto cached = dying().map(as_view);
  cached.cache();
  EXPECT_EQ(cached.collect(), marked);
  EXPECT_EQ(cached.collect(), marked);
  // In containers and records.
  using row = std::pair<int, std::vector<std::string_view>>;
  const auto rows =
      dying()
          .map([](const std::string& w) { return row(1, {w, std::string_view(w).substr(2)}); })
          .collect();
  for (std::size_t i = 0; i < marked.size(); ++i) {
    EXPECT_EQ(rows[i].second[0], marked[i]);
    EXPECT_EQ(rows[i].second[1], marked[i].substr(2));
  }
}

TEST_P(RddNarrow, RowsEndWhenTheyShould) {
  ASSERT_EQ(tracked::alive, 0);
  {
    std::vector<tracked> rows;
    for (int i = 0; i < 3000; ++i) rows.emplace_back(i);
    const auto data = sc.parallelize(rows, 3);
    const auto through = data.map([](const tracked& t) { return tracked(t.n + 1); })
                             .filter([](const tracked& t) { return t.n % 2 == 0; })
                             .flat_map([](const tracked& t) { return std::vector<tracked>{t, t}; });
    EXPECT_EQ(through.count(), 3000);
    EXPECT_EQ(tracked::alive, 6000);  // `rows` and the dataset's
    EXPECT_EQ(through.take(5).size(), 5U);
    EXPECT_THROW(through
                     .map([](const tracked& t) {
                       if (t.n == 2000) throw std::runtime_error("no");
                       return t;
                     })
                     .collect(),
                 job_error);
    EXPECT_EQ(tracked::alive, 6000);
    EXPECT_EQ(through.reduce([](tracked a, const tracked& b) { return tracked(a.n + b.n); }).n % 2,
              0);
    EXPECT_EQ(tracked::alive, 6000);
  }
  EXPECT_EQ(tracked::alive, 0);
}

TEST_P(RddNarrow, BigRows) {
  struct big {
    std::array<char, 20'000> bytes;
  };
  const auto data = sc.range(0, 100, 1, 2).map([](std::int64_t x) {
    big b;
    b.bytes.fill(static_cast<char>(x));
    return b;
  });
  const auto rows = data.repartition(2).collect();
  EXPECT_EQ(rows.size(), 100U);
  EXPECT_EQ(data.filter([](const big& b) { return b.bytes[19'999] == 7; }).count(), 1);
}

TEST_P(RddNarrow, UnionsPutPartitionsBehindEachOther) {
  const auto a = sc.parallelize({1, 2}, 2);
  const auto b = sc.parallelize({2, 3}, 1);
  EXPECT_EQ((a + b + a).collect(), (std::vector<int>{1, 2, 2, 3, 1, 2}));
  EXPECT_EQ((a + b).partitions(), 3);
  EXPECT_EQ(sc.union_of(a, b, sc.empty<int>(), b).collect(), (std::vector<int>{1, 2, 2, 3, 2, 3}));
  EXPECT_EQ((a + b).take(3), (std::vector<int>{1, 2, 2}));
  EXPECT_EQ((sc.empty<int>() + sc.empty<int>()).partitions(), 0);
  // One partitioner on both sides holds for the union.
  const auto pairs = a.map([](int x) { return std::pair(x, 1); }).partition_by(3);
  const auto together = pairs + pairs.map_values([](int v) { return v + 1; });
  EXPECT_EQ(together.partitions(), 3);
  EXPECT_EQ(stages_of(sc, [&] { together.reduce_by_key(std::plus<>{}).count(); }), 2);
  EXPECT_EQ(together.count(), 4);
  EXPECT_EQ(together.take(1).size(), 1U);
}

strings lines_of(const rdd<std::string_view>& data) {
  strings all;
  for (const auto& line : data.collect()) all.emplace_back(line);
  return all;
}

TEST_P(RddNarrow, TextFilesInAnyNumberOfSplits) {
  const scratch_directory dir;
  const std::string text =
      "one two\r\nthree\n\nfour\rfive  six\n" + std::string(200, 'x') + "\nlast";
  const strings expected{"one two", "three", "", "four", "five  six", std::string(200, 'x'),
                         "last"};
  const auto path = dir.write("a.txt", text);
  strings fields;
  strings words;
  for (const auto& line : expected) {
    for (const auto piece : split(' ')(line)) fields.emplace_back(piece);
    for (const auto piece : millrace::words()(line)) words.emplace_back(piece);
  }
  for (int n : {1, 2, 3, 10, 100, 1000}) {
    const auto data = sc.text_file(path, n);
    EXPECT_EQ(lines_of(data), expected) << n;
    EXPECT_EQ(lines_of(data.flat_map(split(' '))), fields) << n;
    EXPECT_EQ(lines_of(data.flat_map(millrace::words())), words) << n;
    // By rows instead of by blocks: what is kept, and strings.
    EXPECT_EQ(
        lines_of(data.map([](std::string_view l) { return std::string(l); }).flat_map(split(' '))),
        fields)
        << n;
    const auto kept = sc.text_file(path, n);
    kept.cache();
    EXPECT_EQ(lines_of(kept.flat_map(split(' '))), fields) << n;
    EXPECT_EQ(lines_of(kept.flat_map(split(' '))), fields) << n;
    EXPECT_EQ(lines_of((data + data).flat_map(split(' '))).size(), 2 * fields.size()) << n;
  }
}

TEST_P(RddNarrow, TextOfManyFiles) {
  const scratch_directory dir;
  dir.write("in/b.txt", "b1\nb2\n");
  dir.write("in/a.txt", "a1");
  dir.write("in/empty.txt", "");
  dir.write("in/_hidden", "no");
  dir.write("in/.hidden", "no");
  dir.write("in/c.log", "c1\n\n");
  const strings all{"a1", "b1", "b2", "c1", ""};
  EXPECT_EQ(lines_of(sc.text_file(dir.path("in"))), all);
  EXPECT_EQ(lines_of(sc.text_file(dir.path("in/*.txt"))), (strings{"a1", "b1", "b2"}));
  EXPECT_EQ(lines_of(sc.text_file(dir.path("in/{b,c}*"))), (strings{"b1", "b2", "c1", ""}));
  EXPECT_EQ(sc.text_file(dir.path("in/empty.txt")).count(), 0);
  EXPECT_EQ(sc.text_file(dir.path("in/empty.txt"), 4).flat_map(split(' ')).count(), 0);
  std::filesystem::create_directories(dir.path("nothing"));
  EXPECT_EQ(sc.text_file(dir.path("nothing")).count(), 0);
  EXPECT_NE(
      error_of<usage_error>([&] { sc.text_file(dir.path("missing")); }).find(dir.path("missing")),
      std::string::npos);
  EXPECT_NE(error_of<usage_error>([&] { sc.text_file(dir.path("in/*.none")); }).find("*.none"),
            std::string::npos);
  EXPECT_NE(error_of<usage_error>([&] { sc.text_file(dir.path("in"), -1); }).find("-1"),
            std::string::npos);
  // A file that went away after the listing is an error that names it.
  const auto gone = sc.text_file(dir.write("gone.txt", "x\n"));
  std::filesystem::remove(dir.path("gone.txt"));
  EXPECT_NE(error_of<error>([&] { gone.count(); }).find("gone.txt"), std::string::npos);
}

}  // namespace
}  // namespace millrace
