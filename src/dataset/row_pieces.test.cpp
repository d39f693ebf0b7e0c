#include "dataset/row_pieces.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::detail {
namespace {

constexpr std::size_t many = 1'500'000;  // 8-byte rows: three pieces

template <class T>
std::vector<T> read_back(const row_pieces& rows) {
  std::vector<T> all;
  for (const row_buffer& piece : rows.pieces())
    for (std::size_t i = 0; i < piece.size(); ++i)
      all.push_back(*static_cast<const T*>(piece.row(i)));
  return all;
}

std::vector<std::uint64_t> numbers() {
  std::vector<std::uint64_t> all(many);
  for (std::size_t i = 0; i < many; ++i) all[i] = i * 7;
  return all;
}

TEST(RowPieces, NoRows) {
  const row_pieces none(row_type_of<int>());
  EXPECT_EQ(none.size(), 0U);
  EXPECT_EQ(none.bytes(), 0U);
  EXPECT_TRUE(none.pieces().empty());
}

TEST(RowPieces, KeepsOrderOverManyPieces) {
  std::vector<std::uint64_t> from = numbers();
  row_pieces rows(row_type_of<std::uint64_t>());
  std::uint32_t n = 1;
  for (std::size_t i = 0; i < many; i += n, n = n % chunk_capacity + 1) {
    if (i + n > many) n = static_cast<std::uint32_t>(many - i);
    rows.append({&from[i], n, false});
  }
  EXPECT_EQ(rows.size(), many);
  EXPECT_EQ(rows.bytes(), many * sizeof(std::uint64_t));
  EXPECT_EQ(rows.pieces().size(), 3U);
  EXPECT_EQ(read_back<std::uint64_t>(rows), from);
}

TEST(RowPieces, WhatIsFullStaysWhereItIs) {
  std::vector<std::uint64_t> from = numbers();
  row_pieces rows(row_type_of<std::uint64_t>());
  const void* first = nullptr;
  for (std::size_t i = 0; i < many; i += 1000) {
    auto* to = static_cast<std::uint64_t*>(rows.extend(1000));
    std::copy_n(&from[i], 1000, to);
    rows.added(1000);
    if (rows.pieces().size() == 2 && first == nullptr) first = rows.pieces()[0].data();
  }
  EXPECT_EQ(rows.pieces()[0].data(), first);
  EXPECT_EQ(read_back<std::uint64_t>(rows), from);
}

TEST(RowPieces, OwnsTheTextOfItsRows) {
  row_pieces rows(row_type_of<std::string_view>());
  constexpr int wanted = 600'000;  // 16-byte rows: three pieces
  for (int i = 0; i < wanted; ++i) {
    std::string text = "number " + std::to_string(i) + " and more than lies in the row";
    std::string_view view = text;
    rows.append({&view, 1, true});
  }
  ASSERT_EQ(rows.pieces().size(), 3U);
  EXPECT_GT(rows.bytes(), wanted * std::string_view("number 1 and more than lies in").size());
  int i = 0;
  for (const std::string_view text : read_back<std::string_view>(rows))
    ASSERT_EQ(text, "number " + std::to_string(i++) + " and more than lies in the row");
}

}  // namespace
}  // namespace millrace::detail
