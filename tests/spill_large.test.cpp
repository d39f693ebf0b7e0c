// Small forms of what `./dev bench limits` does at full size.
#include <map>

#include "rdd_fixture.hpp"

namespace millrace::tests {
namespace {

using detail::event;

class SpillHeavy : public testing::Test {
 protected:
  static context with(const std::string& budget) {
    return context{{.name = "large", .master = "local[2]", .conf = {{"memory.budget", budget}}}};
  }
  /// The rows with this budget are those with enough, and rows were spilled.
  template <class Make>
  void compare(const std::string& budget, Make make) {
    const context enough{{.name = "enough", .master = "local[2]"}};
    const context tight = with(budget);
    event_recorder seen(tight);
    const auto expected = make(enough).collect();
    const auto found = make(tight).collect();
    EXPECT_GT(seen.count(event::kind::task_spilled), 0);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_TRUE(found[i] == expected[i]) << "row " << i;
  }
  static rdd<std::pair<std::int64_t, std::int64_t>> pairs(const context& sc, std::int64_t rows,
                                                          std::int64_t keys) {
    return sc.range(0, rows, 1, 4).map([keys](std::int64_t n) {
      return std::pair{n * 7'919'999 % keys, n};
    });
  }
};

TEST_F(SpillHeavy, AGibibyteOfTextUnder64MiB) {
  const scratch_directory scratch;
  std::string text;
  std::map<std::string, std::int64_t> expected;
  std::uint64_t state = 1;
  while (text.size() < std::size_t{8} << 20) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const std::string word = "w" + std::to_string((state >> 33) % 100'000);
    ++expected[word];
    text += word;
    text += (state >> 60) == 0 ? '\n' : ' ';
  }
  text.back() = '\n';
  constexpr int links = 128;
  const auto first = scratch.write("text/part-0", text);
  for (int i = 1; i < links; ++i)
    std::filesystem::create_hard_link(first, scratch.path("text/part-" + std::to_string(i)));
  const context sc = with("64m");
  const auto counts = sc.text_file(scratch.path("text"))
                          .flat_map(words())
                          .map([](std::string_view word) { return std::pair{word, 1}; })
                          .reduce_by_key(std::plus<>{}, 2)
                          .collect();
  ASSERT_EQ(counts.size(), expected.size());
  for (const auto& [word, count] : counts)
    ASSERT_EQ(count, expected[std::string(word)] * links) << word;
}

TEST_F(SpillHeavy, TwoMillionKeysUnder32MiB) {
  compare("32m", [](const context& sc) {
    return sc.range(0, 4'000'000, 1, 4)
        .map([](std::int64_t n) { return std::pair{n % 2'000'000, std::int64_t{1}}; })
        .reduce_by_key(std::plus<>{}, 2);
  });
}

TEST_F(SpillHeavy, Distinct) {
  compare("16m",
          [](const context& sc) { return pairs(sc, 2'000'000, 700'000).keys().distinct(2); });
}

TEST_F(SpillHeavy, Sort) {
  compare("16m", [](const context& sc) { return pairs(sc, 2'000'000, 300'000).sort_by_key(); });
}

TEST_F(SpillHeavy, SortOfText) {
  compare("16m", [](const context& sc) {
    return sc.range(0, 500'000, 1, 4)
        .map([](std::int64_t n) {
          return std::pair{"the same beginning " + std::to_string(n * 7919 % 200'003), n};
        })
        .sort_by_key({.ascending = false});
  });
}

TEST_F(SpillHeavy, Group) {
  compare("16m", [](const context& sc) { return pairs(sc, 1'000'000, 100'000).group_by_key(2); });
}

TEST_F(SpillHeavy, Join) {
  compare("16m", [](const context& sc) {
    return pairs(sc, 1'000'000, 400'000).join(pairs(sc, 500'000, 500'000), 2);
  });
}

TEST_F(SpillHeavy, KeptBeyondTheBudget) {
  const context sc = with("16m");
  event_recorder seen(sc);
  std::atomic<int> computed{0};
  const auto data = sc.range(0, 2'000'000, 1, 8).map([&computed](std::int64_t n) {
    ++computed;
    return std::pair{n, n * n};
  });
  data.persist(storage_level::memory_and_disk);
  for (int i = 0; i < 2; ++i) {
    const auto rows = data.collect();
    ASSERT_EQ(rows.size(), 2'000'000U);
    for (std::int64_t n = 0; n < 2'000'000; ++n)
      ASSERT_EQ(rows[static_cast<std::size_t>(n)], std::pair(n, n * n));
  }
  EXPECT_EQ(computed, 2'000'000);
  EXPECT_GT(seen.count(event::kind::block_to_disk), 0);
}

}  // namespace
}  // namespace millrace::tests
