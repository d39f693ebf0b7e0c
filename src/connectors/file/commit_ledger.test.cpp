#include "connectors/file/commit_ledger.hpp"

#include <gtest/gtest.h>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

commit_ledger with(const std::vector<std::int64_t>& batches) {
  commit_ledger ledger;
  for (const std::int64_t batch : batches) ledger.decide({batch, {}});
  return ledger;
}

TEST(CommitLedger, holds_what_was_decided_and_nothing_else) {
  const std::vector<std::int64_t> batches{1000, 2000, 3000, 9000, 9500, 10000, 4000, -5};
  const commit_ledger ledger = with(batches);
  for (std::int64_t at = -1000; at <= 12000; ++at)
    EXPECT_EQ(ledger.holds(at), std::count(batches.begin(), batches.end(), at) == 1) << at;
}

TEST(CommitLedger, stays_small_where_batches_come_regularly) {
  commit_ledger ledger;
  for (std::int64_t i = 1; i <= 100'000; ++i) ledger.decide({i * 1000, {}});
  EXPECT_LT(ledger.text().size(), 200U);
  EXPECT_TRUE(ledger.holds(77'777'000));
  EXPECT_FALSE(ledger.holds(77'777'500));
}

TEST(CommitLedger, reads_what_it_wrote) {
  commit_ledger ledger = with({1000, 2000, 7000});
  ledger.decide({8000, {{"_millrace/a/b/parts/x.0", "a.b.8000.00000.txt"}, {"t2", "n2"}}});
  const commit_ledger again = commit_ledger::parse(ledger.text(), "here");
  EXPECT_EQ(again.text(), ledger.text());
  ASSERT_TRUE(again.pending().has_value());
  EXPECT_EQ(again.pending()->files.at(1).name, "n2");
  EXPECT_TRUE(again.holds(8000));
}

TEST(CommitLedger, any_byte_that_changed_and_any_end_too_early_is_refused) {
  commit_ledger ledger = with({1000, 2000});
  ledger.decide({8000, {{"temporary", "name"}}});
  const std::string whole = ledger.text();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
      EXPECT_THROW((void)commit_ledger::parse(bytes, "here"), error) << i;
    }
    EXPECT_THROW((void)commit_ledger::parse(whole.substr(0, i), "here"), error) << i;
  }
  try {
    (void)commit_ledger::parse("millrace file sink 1\n", "/out/_millrace/a/b/commits");
    FAIL();
  } catch (const error& e) {
    EXPECT_NE(std::string(e.what()).find("/out/_millrace/a/b/commits"), std::string::npos);
  }
}

}  // namespace
}  // namespace millrace::detail
