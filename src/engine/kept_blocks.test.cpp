#include "engine/kept_blocks.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/detail/engine/engine.hpp"

namespace millrace::detail {
namespace {

/// A task of the test's own.
class plain_task final : public task_context {
 public:
  plain_task() : task_context(0, 0, cancel) {}
  map_output_ptr fetch(const shuffle& from, int map) override {
    throw fetch_failure(from.id(), map);
  }
  std::atomic<bool> cancel{false};

 private:
  std::unique_ptr<cursor> open_kept(const node& dataset, int partition) override {
    return dataset.open(partition, *this);
  }
};

class KeptBlocks : public testing::Test {
 protected:
  void SetUp() override {
    engine::options o;
    o.name = "stored";
    core = std::make_shared<engine>(std::move(o));
    numbers = from_range(core, 0, 3000, 1, 1);
    numbers->keep(storage_level::memory);
  }
  /// Reads the partition to its end, or cancels after so many chunks.
  void read(int cancel_after = 100) {
    plain_task task;
    std::int64_t rows = 0;
    const auto from = blocks.open(*numbers, 0, task, {0, 1});
    const sink to{&rows, [](void* self, const chunk& c) {
                    *static_cast<std::int64_t*>(self) += c.count;
                    return flow::more;
                  }};
    for (int i = 0; i < 100; ++i) {
      if (i == cancel_after) task.cancel = true;
      if (from->step(to) == flow::enough) return;
    }
  }
  std::shared_ptr<engine> core;
  node_ptr numbers;
  kept_blocks blocks;
};

TEST_F(KeptBlocks, WhatWasReadToItsEndIsKept) {
  EXPECT_FALSE(blocks.has_all(*numbers));
  read();
  EXPECT_TRUE(blocks.has_all(*numbers));
  blocks.lose({0, 2});
  blocks.lose({1, 1});
  EXPECT_TRUE(blocks.has_all(*numbers));
  blocks.lose({0, 1});
  EXPECT_FALSE(blocks.has_all(*numbers));
  read();
  blocks.forget(numbers->id());
  EXPECT_FALSE(blocks.has_all(*numbers));
}

TEST_F(KeptBlocks, NotWhatACancelledTaskRead) {
  // Merges and sorts stop half-way when their task is cancelled, which looks like the end.
  read(2);
  EXPECT_FALSE(blocks.has_all(*numbers));
}

TEST_F(KeptBlocks, NotWhatIsNotToBeKeptAnyMore) {
  plain_task task;
  const auto from = blocks.open(*numbers, 0, task, {0, 1});
  numbers->keep(storage_level::none);
  const sink to{nullptr, [](void*, const chunk&) { return flow::more; }};
  while (from->step(to) == flow::more) {
  }
  EXPECT_FALSE(blocks.has_all(*numbers));
}

}  // namespace
}  // namespace millrace::detail
