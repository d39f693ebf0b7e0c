#include "connectors/kafka/offset_ranges.hpp"

#include <gtest/gtest.h>

namespace millrace::detail::kafka {
namespace {

using ranges = std::vector<millrace::kafka::offset_range>;

TEST(KafkaOffsetRanges, all_that_waits_is_taken_where_it_is_few) {
  ranges r{{"a", 0, 10, 20}, {"a", 1, 5, 5}};
  const ranges before = r;
  share_out(r, 10);
  EXPECT_EQ(r, before);
}

TEST(KafkaOffsetRanges, a_limit_is_shared_by_what_waits) {
  ranges r{{"a", 0, 0, 900}, {"a", 1, 50, 150}, {"b", 0, 7, 7}};
  share_out(r, 100);
  EXPECT_EQ(r, (ranges{{"a", 0, 0, 90}, {"a", 1, 50, 60}, {"b", 0, 7, 7}}));
}

TEST(KafkaOffsetRanges, a_partition_with_little_gets_a_record_all_the_same) {
  ranges r{{"a", 0, 0, 1'000'000}, {"a", 1, 3, 5}};
  share_out(r, 10);
  EXPECT_EQ(r[0].count(), 9);
  EXPECT_EQ(r[1].count(), 1);
}

TEST(KafkaOffsetRanges, offsets_near_the_end_of_the_numbers_do_not_overflow) {
  ranges r{{"a", 0, 0, INT64_MAX}, {"a", 1, 0, INT64_MAX}};
  share_out(r, 1000);
  EXPECT_EQ(r[0].count(), 500);
  EXPECT_EQ(r[1].count(), 500);
}

}  // namespace
}  // namespace millrace::detail::kafka
