#include "streaming/recovery/kept_state.hpp"

#include <gtest/gtest.h>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

kept_identity one(std::string name, std::string fingerprint = "(text, int32)") {
  return {std::move(name), "map_with_state", std::move(fingerprint), 2};
}

TEST(KeptIdentity, a_name_comes_before_what_only_looks_alike) {
  const std::vector<kept_identity> now{one(""), one("totals"), one("others")};
  const std::vector<kept_identity> written{one("totals"), one(""), one("before")};
  EXPECT_EQ(matched(now, written), (std::vector<int>{1, 0, -1}));
}

TEST(KeptIdentity, a_name_may_come_or_go) {
  const std::vector<kept_identity> named{one("totals")};
  const std::vector<kept_identity> unnamed{one("")};
  EXPECT_EQ(matched(named, unnamed), (std::vector<int>{0}));
  EXPECT_EQ(matched(unnamed, named), (std::vector<int>{0}));
}

TEST(KeptIdentity, another_type_is_another_state) {
  const kept_identity wide = one("totals", "(text, int64)");
  EXPECT_EQ(matched(std::vector{wide}, std::vector{one("totals")}), (std::vector<int>{-1}));
  EXPECT_THROW(check_matches(wide, one("totals")), usage_error);
  EXPECT_NO_THROW(check_matches(wide, wide));
}

TEST(KeptPieces, a_whole_one_is_due_after_changes_of_its_size) {
  const auto piece = [](std::uint64_t bytes) {
    return kept_piece{time_point_ms{}, std::nullopt, bytes, 1};
  };
  EXPECT_TRUE(whole_is_due({}));
  std::vector<kept_piece> pieces{piece(1000)};
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(whole_is_due(pieces)) << i;
    pieces.push_back(piece(100));
  }
  EXPECT_FALSE(whole_is_due(pieces));
  pieces.push_back(piece(1));
  EXPECT_TRUE(whole_is_due(pieces));
  // However small they are, there is an end to them.
  pieces.assign(1, piece(1'000'000));
  while (!whole_is_due(pieces)) pieces.push_back(piece(1));
  EXPECT_EQ(pieces.size(), 65U);
}

}  // namespace
}  // namespace millrace::detail
