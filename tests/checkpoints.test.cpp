// Datasets that are written down, and what they were made of let go.
#include <gtest/gtest.h>

#include <memory>

#include "millrace/millrace.hpp"
#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using namespace tests;

class CheckpointsThreads : public testing::TestWithParam<const char*> {
 protected:
  scratch_directory dir;
  context sc{{.name = "checkpoints", .master = GetParam()}};
  std::atomic<int> computed{0};

  /// `held` lives as long as the function does, which belongs to the parent of what is returned.
  rdd<std::pair<std::int64_t, std::string>> words(std::shared_ptr<int> held = nullptr) {
    return sc.range(0, 100, 1, 3)
        .map([this, held](std::int64_t i) {
          ++computed;
          return std::pair(i % 7, "word " + std::to_string(i));
        })
        .filter([](const auto&) { return true; });
  }
};
INSTANTIATE_TEST_SUITE_P(Masters, CheckpointsThreads, testing::ValuesIn(masters), name_of_master);

TEST_P(CheckpointsThreads, AfterTheFirstActionItIsReadFromFiles) {
  sc.checkpoint_directory(dir.path("state"));
  auto held = std::make_shared<int>(1);
  const auto data = words(held);
  const auto expected = words().collect().to_vector();
  computed = 0;
  EXPECT_FALSE(data.checkpoint().is_checkpointed());  // lazy
  EXPECT_EQ(data.count(), 100);
  EXPECT_TRUE(data.is_checkpointed());
  EXPECT_EQ(computed, 200);        // once for the count, once for the files
  EXPECT_EQ(held.use_count(), 1);  // what it was made of is gone
  EXPECT_EQ(data.partitions(), 3);
  EXPECT_EQ(data.collect(), expected);
  EXPECT_EQ(data.map([](const auto& w) { return w.second; }).take(2)[1], "word 1");
  EXPECT_EQ(data.reduce_by_key([](const std::string& a, const std::string&) { return a; }).count(),
            7);
  EXPECT_EQ(computed, 200);
  data.checkpoint();  // again: nothing happens
  data.count();
  EXPECT_EQ(computed, 200);
  int parts = 0;
  for (const auto& f : std::filesystem::recursive_directory_iterator(dir.path("state")))
    parts += f.path().filename().string().starts_with("part-");
  EXPECT_EQ(parts, 3);
}

TEST_P(CheckpointsThreads, ACachedDatasetIsComputedOnce) {
  sc.checkpoint_directory(dir.path("state"));
  const auto data = words();
  data.cache().checkpoint();
  data.count();
  EXPECT_EQ(computed, 100);
  data.unpersist();
  EXPECT_EQ(data.count(), 100);  // from the files
  EXPECT_EQ(computed, 100);
}

TEST_P(CheckpointsThreads, ThatOfAnAncestorIsMadeByItsChildrensAction) {
  sc.checkpoint_directory(dir.path("state"));
  const auto data = words();
  const auto counts =
      data.map_values([](const std::string&) { return 1; }).reduce_by_key(std::plus<>{});
  data.checkpoint();
  EXPECT_EQ(counts.count(), 7);
  EXPECT_TRUE(data.is_checkpointed());
  EXPECT_FALSE(counts.is_checkpointed());
  EXPECT_EQ(computed, 200);
  EXPECT_EQ(data.count(), 100);
  EXPECT_EQ(counts.count(), 7);
  EXPECT_EQ(computed, 200);
}

TEST_P(CheckpointsThreads, AShuffledDatasetLetsItsShuffleGo) {
  sc.checkpoint_directory(dir.path("state"));
  auto held = std::make_shared<int>(1);
  const auto counts = words(held).group_by_key();
  counts.checkpoint();
  const auto first = counts.collect();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(counts.collect(), first);
  EXPECT_EQ(computed, 100);  // the second job finds the shuffle
  EXPECT_EQ(stages_of(sc, [&] { counts.count(); }), 1);
}

TEST_P(CheckpointsThreads, ALongIterationStaysShort) {
  sc.checkpoint_directory(dir.path("state"));
  auto data = sc.range(0, 10, 1, 2);
  for (int i = 0; i < 50; ++i) {
    data = data.map([](std::int64_t n) { return n + 1; });
    if (i % 10 == 9) {
      data.checkpoint();
      data.count();
      EXPECT_TRUE(data.node()->parents().empty());
    }
  }
  EXPECT_EQ(data.collect()[0], 50);
}

TEST_P(CheckpointsThreads, LocalOnesLieWithTheExecutors) {
  auto held = std::make_shared<int>(1);
  const auto data = words(held);
  EXPECT_FALSE(data.local_checkpoint().is_checkpointed());
  EXPECT_EQ(data.take(1).size(), 1U);
  EXPECT_TRUE(data.is_checkpointed());
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(data.count(), 100);
  EXPECT_LE(computed, 200);
  data.unpersist();
  EXPECT_NE(error_of<job_error>([&] { data.count(); }).find("local_checkpoint"), std::string::npos);
}

TEST_P(CheckpointsThreads, TwoThreadsMakeOne) {
  sc.checkpoint_directory(dir.path("state"));
  const auto data = words();
  data.checkpoint();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      EXPECT_EQ(data.count(), 100);
      EXPECT_EQ(data.count(), 100);
    });
  for (auto& t : threads) t.join();
  EXPECT_TRUE(data.is_checkpointed());
  sc.range(3).count();
  EXPECT_TRUE(data.node()->parents().empty());
}

TEST(Checkpoints, NeedADirectory) {
  const scratch_directory dir;
  const context sc{{.master = "local"}};
  EXPECT_NE(error_of<usage_error>([&] { sc.range(3).checkpoint(); }).find("checkpoint_directory"),
            std::string::npos);
  dir.write("file", "");
  EXPECT_THROW(sc.checkpoint_directory(dir.path("file/below")), error);
}

TEST(Checkpoints, ADamagedFileIsNamed) {
  const scratch_directory dir;
  const context sc{{.master = "local"}};
  sc.checkpoint_directory(dir.path("state"));
  const auto data = sc.range(0, 10, 1, 1);
  data.checkpoint();
  data.count();
  for (const auto& f : std::filesystem::recursive_directory_iterator(dir.path("state")))
    if (f.path().filename() == "part-00000") std::ofstream(f.path(), std::ios::app) << "x";
  EXPECT_NE(error_of<job_error>([&] { data.count(); }).find("more after the end mark"),
            std::string::npos);
}

}  // namespace
}  // namespace millrace
