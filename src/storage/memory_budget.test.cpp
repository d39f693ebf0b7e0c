#include "storage/memory_budget.hpp"

#include <gtest/gtest.h>

#include "millrace/detail/storage/memory.hpp"

namespace millrace::detail {
namespace {

TEST(MemoryBudget, IsWhatWasSetOrAShareOfTheMachine) {
  settings conf;
  const auto machine = memory_budget_of(conf);
  EXPECT_GT(machine, 1U << 20);
  conf.set("memory.budget", "64m");
  EXPECT_EQ(memory_budget_of(conf), 64U << 20);
}

TEST(MemoryBudget, SharesAreFixed) {
  memory_budget all(64U << 20, 2);
  EXPECT_EQ(all.total(), 64U << 20);
  EXPECT_EQ(all.of_operator(), 8U << 20);
  EXPECT_EQ(all.outputs().limit(), 16U << 20);
  EXPECT_EQ(all.blocks().limit(), 16U << 20);
  limit_spare_memory(most_spare_memory);
}

TEST(MemoryBudget, APoolGivesWhatItHasAndTakesItBack) {
  memory_budget::pool pool(100);
  EXPECT_TRUE(pool.take(60));
  EXPECT_FALSE(pool.take(41));
  EXPECT_TRUE(pool.take(40));
  pool.give_back(100);
  {
    held_memory held(pool);
    EXPECT_TRUE(held.grow_to(30));
    EXPECT_TRUE(held.grow_to(20));  // never less
    EXPECT_EQ(pool.held(), 30U);
    EXPECT_FALSE(held.grow_to(101));
    held_memory other = std::move(held);
    EXPECT_EQ(pool.held(), 30U);
  }
  EXPECT_EQ(pool.held(), 0U);
}

}  // namespace
}  // namespace millrace::detail
