#include "dataset/row_file.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/error.hpp"
#include "storage/memory_file.test.hpp"

namespace millrace::detail {
namespace {

template <class T>
std::string written(const std::vector<T>& rows) {
  memory_output file;
  row_file_writer writer(file, row_type_of<T>());
  for (std::size_t at = 0; at < rows.size(); at += 1000) {
    const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(1000, rows.size() - at));
    writer.append({const_cast<T*>(rows.data() + at), n, false});
  }
  EXPECT_EQ(writer.rows(), rows.size());
  writer.finish();
  EXPECT_EQ(writer.bytes(), file.text.size());
  return file.text;
}

row_buffer read_all(const std::string& bytes, const row_type& type) {
  row_buffer all(type);
  const auto rows = read_row_file(std::make_unique<memory_input>(bytes), type);
  while (rows->step(all.collector()) == flow::more) {
  }
  return all;
}

template <class T>
std::vector<T> read(const std::string& bytes) {
  const row_buffer all = read_all(bytes, row_type_of<T>());
  const T* first = static_cast<const T*>(all.data());
  return {first, first + all.size()};
}

template <class T>
std::string refusal(const std::string& bytes) {
  try {
    (void)read_all(bytes, row_type_of<T>());
  } catch (const error& e) {
    return e.what();
  }
  return {};
}

struct trip {
  std::string city;
  std::optional<double> cost;
  std::map<int, std::vector<std::string>> notes;
  bool operator==(const trip&) const = default;
};
struct nothing {
  bool operator==(const nothing&) const = default;
};

TEST(RowFile, RowsOfAnyKindComeBack) {
  const std::vector<trip> trips{{"Oslo", 1.5, {{1, {"a", "b"}}}}, {"", {}, {}}};
  EXPECT_EQ(read<trip>(written(trips)), trips);
  EXPECT_EQ(read<int>(written(std::vector<int>{})), std::vector<int>{});
  EXPECT_EQ(read<nothing>(written(std::vector<nothing>(3000))), std::vector<nothing>(3000));
}

TEST(RowFile, ManyFrames) {
  std::vector<std::string> rows;
  for (int i = 0; i < 20'000; ++i)
    rows.push_back(std::string(static_cast<std::size_t>(i % 100), 'x') + std::to_string(i));
  rows.emplace_back(1 << 20, 'y');  // larger than a frame
  rows.emplace_back();
  EXPECT_EQ(read<std::string>(written(rows)), rows);
}

TEST(RowFile, ViewsHaveTheirTextInTheBufferThatKeepsThem) {
  const std::vector<std::string> rows{"one", "", "three"};
  const row_buffer views = read_all(written(rows), row_type_of<std::string_view>());
  const auto* first = static_cast<const std::string_view*>(views.data());
  EXPECT_EQ((std::vector<std::string>{first, first + views.size()}), rows);
}

TEST(RowFile, RowsOfAnotherTypeAreRefused) {
  EXPECT_EQ(refusal<std::int64_t>(written(std::vector<int>{1})),
            "the file holds other rows than it is read as; it holds rows of int32, and not rows of "
            "int64: \"memory\"");
}

TEST(RowFile, WhatCannotBeDecodedSaysWhere) {
  // Right frames around wrong rows: only a program's own codec makes such.
  memory_output file;
  framed_writer frames(file, "rows of bool");
  frames.frame("\x01\x02", 2);
  frames.finish();
  EXPECT_EQ(refusal<bool>(file.text),
            "the file is damaged, a row cannot be decoded (damaged row: a bool holds 2): "
            "\"memory\" at offset " +
                std::to_string(file.text.size() - 32));
  memory_output longer;
  framed_writer more(longer, "rows of bool");
  more.frame("\x01\x01", 1);
  more.finish();
  EXPECT_NE(refusal<bool>(longer.text).find("bytes are left after the last row"),
            std::string::npos);
}

TEST(RowFile, ABrokenFileIsNeverReadAsARightOne) {
  const std::string whole = written(std::vector<std::string>{"one", "two"});
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_NE(refusal<std::string>(damaged), "") << i;
    EXPECT_NE(refusal<std::string>(whole.substr(0, i)), "") << i;
  }
}

}  // namespace
}  // namespace millrace::detail
