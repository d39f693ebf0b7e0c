#include "connectors/kafka/waiting_messages.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace millrace::detail::kafka {
namespace {

staged_messages some(int from, int to) {
  staged_messages all;
  for (int i = from; i < to; ++i) {
    const std::string text = std::to_string(i);
    all.add({text, i % 3 == 0 ? std::nullopt : std::optional<std::string_view>(text), i % 2, i});
    if (i % 2 == 0) all.add_header("name" + text, std::nullopt);
    if (i % 5 == 0) all.add_header("other", text);
  }
  return all;
}

/// All that can be seen of messages.
std::string shown(const staged_messages& all) {
  std::string text = all.text();
  for (const auto& e : all.entries())
    text += '|' + std::to_string(e.at) + ',' + std::to_string(e.key_size) + ',' +
            std::to_string(e.value_size) + ',' + std::to_string(e.partition) + ',' +
            std::to_string(e.headers) + ',' + std::to_string(e.timestamp);
  for (const auto& h : all.headers())
    text += '#' + std::to_string(h.name) + ',' + std::to_string(h.value);
  return text;
}

std::vector<std::string> shown(const waiting_messages& all) {
  std::vector<std::string> each;
  all.each([&](const staged_messages& one, bool) {
    each.push_back(shown(one));
    return true;
  });
  return each;
}

TEST(KafkaWaitingMessages, past_their_share_of_memory_go_to_disk_and_come_back_the_same) {
  spill_space disk(std::filesystem::temp_directory_path().string());
  memory_budget small(64 << 10, 1);
  memory_budget large(std::uint64_t{1} << 30, 1);
  waiting_messages on_disk({SIZE_MAX, &disk, &small});
  waiting_messages in_memory({SIZE_MAX, &disk, &large});
  waiting_messages uncounted(task_memory{});
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) {
    for (waiting_messages* to : {&on_disk, &in_memory, &uncounted}) {
      staged_messages part = some(i * 100, i * 100 + 100);
      if (to == &on_disk) expected.push_back(shown(part));
      to->add(part);
      EXPECT_TRUE(part.entries().empty());
    }
    // Of what has no name on disk, memory holds its share at most.
    EXPECT_LE(small.outputs().held(), small.outputs().limit());
  }
  EXPECT_TRUE(on_disk.on_disk());
  EXPECT_FALSE(in_memory.on_disk());
  EXPECT_FALSE(uncounted.on_disk());
  EXPECT_EQ(shown(on_disk), expected);
  EXPECT_EQ(shown(on_disk), expected);  // again: a transaction was begun anew
  EXPECT_EQ(shown(in_memory), expected);
  EXPECT_EQ(shown(uncounted), expected);
  EXPECT_EQ(on_disk.count(), 5000U);
}

TEST(KafkaWaitingMessages, give_back_their_memory) {
  spill_space disk(std::filesystem::temp_directory_path().string());
  memory_budget budget(std::uint64_t{1} << 30, 1);
  {
    waiting_messages all({SIZE_MAX, &disk, &budget});
    staged_messages part = some(0, 100);
    all.add(part);
    EXPECT_GT(budget.outputs().held(), 0U);
  }
  EXPECT_EQ(budget.outputs().held(), 0U);
}

TEST(KafkaWaitingMessages, stop_where_nobody_wants_more) {
  waiting_messages all(task_memory{});
  for (int i = 0; i < 3; ++i) {
    staged_messages part = some(i, i + 1);
    all.add(part);
  }
  int seen = 0;
  all.each([&](const staged_messages&, bool stays) {
    EXPECT_TRUE(stays);
    return ++seen < 2;
  });
  EXPECT_EQ(seen, 2);
}

}  // namespace
}  // namespace millrace::detail::kafka
