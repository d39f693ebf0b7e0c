// Kept datasets: every level, and less memory than they would need.
#include "rdd_fixture.hpp"

namespace millrace::tests {
namespace {

using detail::event;

constexpr storage_level all_levels[] = {
    storage_level::disk,
    storage_level::disk_2,
    storage_level::memory,
    storage_level::memory_2,
    storage_level::memory_encoded,
    storage_level::memory_encoded_2,
    storage_level::memory_and_disk,
    storage_level::memory_and_disk_2,
    storage_level::memory_and_disk_encoded,
    storage_level::memory_and_disk_encoded_2,
};
constexpr storage_level with_disk[] = {
    storage_level::disk,
    storage_level::memory_and_disk,
    storage_level::memory_and_disk_encoded,
};
constexpr storage_level memory_alone[] = {storage_level::memory, storage_level::memory_encoded};

class StorageLevels : public testing::TestWithParam<storage_level> {
 protected:
  using row = std::pair<std::int64_t, std::string>;
  static row make_row(std::int64_t i) { return {i, "the text of row " + std::to_string(i)}; }
  rdd<row> counted(const context& sc, std::int64_t n) {
    return sc.range(0, n, 1, 4).map([this](std::int64_t i) {
      ++computed;
      return make_row(i);
    });
  }
  void check(const rdd<row>& data, std::int64_t n) {
    const auto rows = data.collect();
    ASSERT_EQ(static_cast<std::int64_t>(rows.size()), n);
    for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(rows[static_cast<std::size_t>(i)], make_row(i));
  }
  std::atomic<int> computed{0};
};

class EveryLevel : public StorageLevels {};
INSTANTIATE_TEST_SUITE_P(Levels, EveryLevel, testing::ValuesIn(all_levels));

TEST_P(EveryLevel, ComputesOnce) {
  const context sc{{.master = "local[2]"}};
  const auto data = counted(sc, 10'000);
  data.persist(GetParam());
  EXPECT_EQ(data.storage_level(), GetParam());
  for (int i = 0; i < 3; ++i) check(data, 10'000);
  EXPECT_EQ(data.take(3).size(), 3U);
  EXPECT_EQ(computed, 10'000);
  data.unpersist();
  check(data, 10'000);
  EXPECT_EQ(computed, 20'000);
}

TEST_P(EveryLevel, ViewsAreOwned) {
  const context sc{{.master = "local[2]"}};
  const auto words = long_words(3000);
  const auto views = sc.parallelize(words, 3)
                         .map([](const std::string& w) { return w + "!"; })
                         .map([](const std::string& w) { return std::string_view(w); });
  views.persist(GetParam());
  for (int i = 0; i < 2; ++i) {
    const auto rows = views.collect();
    ASSERT_EQ(rows.size(), words.size());
    for (std::size_t r = 0; r < words.size(); ++r) ASSERT_EQ(rows[r], words[r] + "!");
  }
}

TEST_P(EveryLevel, AnEmptyPartition) {
  const context sc{{.master = "local[2]"}};
  const auto data = counted(sc, 10'000).filter([](const row& r) { return r.first < 100; });
  data.persist(GetParam());
  EXPECT_EQ(data.count(), 100);
  EXPECT_EQ(data.count(), 100);
  EXPECT_EQ(computed, 10'000);
}

class LevelsWithDisk : public StorageLevels {};
INSTANTIATE_TEST_SUITE_P(Levels, LevelsWithDisk, testing::ValuesIn(with_disk));

TEST_P(LevelsWithDisk, WhatDoesNotFitIsNotComputedAgain) {
  const context sc{{.master = "local[2]", .conf = {{"memory.budget", "1m"}}}};
  event_recorder seen(sc);
  const auto data = counted(sc, 40'000);
  data.persist(GetParam());
  for (int i = 0; i < 3; ++i) check(data, 40'000);
  EXPECT_EQ(computed, 40'000);
  EXPECT_EQ(seen.count(event::kind::block_dropped), 0);
  EXPECT_TRUE(GetParam() == storage_level::disk || seen.count(event::kind::block_to_disk) > 0);
}

TEST_P(LevelsWithDisk, NoFileIsLeft) {
  const scratch_directory scratch;
  const context sc{{.master = "local[2]",
                    .conf = {{"memory.budget", "1m"}, {"local.dir", scratch.path("local")}}}};
  const auto data = counted(sc, 40'000);
  data.persist(GetParam());
  check(data, 40'000);
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path("local")));
}

class LevelsOfMemory : public StorageLevels {};
INSTANTIATE_TEST_SUITE_P(Levels, LevelsOfMemory, testing::ValuesIn(memory_alone));

TEST_P(LevelsOfMemory, WhatDoesNotFitIsComputedAgain) {
  const context sc{{.master = "local[2]", .conf = {{"memory.budget", "1m"}}}};
  event_recorder seen(sc);
  const auto data = counted(sc, 40'000);
  data.persist(GetParam());
  for (int i = 0; i < 3; ++i) check(data, 40'000);
  EXPECT_GT(computed, 40'000);
  EXPECT_GT(seen.count(event::kind::block_dropped), 0);
  EXPECT_EQ(seen.count(event::kind::block_to_disk), 0);
}

TEST_P(LevelsOfMemory, TheLeastUsedGoesFirst) {
  const context sc{{.master = "local[1]", .conf = {{"memory.budget", "4m"}}}};
  event_recorder seen(sc);
  const auto first = counted(sc, 2000);
  const auto second = counted(sc, 2000);
  first.persist(GetParam());
  second.persist(GetParam());
  EXPECT_EQ(first.count() + second.count() + first.count(), 6000);
  EXPECT_EQ(seen.count(event::kind::block_dropped), 0);
  std::vector<rdd<row>> more;  // until something must go
  while (seen.count(event::kind::block_dropped) == 0) {
    EXPECT_EQ(first.count(), 2000);  // always the newest
    more.push_back(counted(sc, 2000));
    more.back().persist(GetParam());
    EXPECT_EQ(more.back().count(), 2000);
    ASSERT_LT(more.size(), 100U);
  }
  computed = 0;
  EXPECT_EQ(first.count(), 2000);
  EXPECT_EQ(computed, 0);
  EXPECT_EQ(second.count(), 2000);
  EXPECT_GT(computed, 0);
}

TEST(StorageLevelsThreads, JobsThatDriveOutEachOthersBlocks) {
  const context sc{{.master = "local[2]", .conf = {{"memory.budget", "1m"}}}};
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const auto data = sc.range(0, 10'000, 1, 3).map([t](std::int64_t i) {
        return std::pair{i % 1000, std::to_string(i + t)};
      });
      data.persist(t % 2 == 0 ? storage_level::memory : storage_level::memory_and_disk);
      const auto sums = data.map([](const auto& kv) { return std::pair{kv.first, 1}; })
                            .reduce_by_key(std::plus<>{});
      sums.persist(storage_level::memory_and_disk_encoded);
      for (int i = 0; i < 5; ++i) {
        if (data.count() != 10'000) ++wrong;
        if (sums.count() != 1000) ++wrong;
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

TEST(StorageLevelErrors, ADirectoryThatCannotBeIsNamed) {
  const scratch_directory scratch;
  const auto file = scratch.write("file", "text");
  const context sc{{.master = "local[2]", .conf = {{"local.dir", file + "/below"}}}};
  const auto data = sc.range(0, 10'000, 1, 2);
  data.persist(storage_level::disk);
  const auto what = error_of<job_error>([&] { data.count(); });
  EXPECT_NE(what.find(file), what.npos) << what;
}

}  // namespace
}  // namespace millrace::tests
