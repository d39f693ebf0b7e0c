#include "storage/framed_file.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "millrace/error.hpp"
#include "storage/memory_file.test.hpp"

namespace millrace::detail {
namespace {

using payloads = std::vector<std::string>;

std::string framed(const payloads& all, std::string_view description = "numbers") {
  memory_output file;
  framed_writer writer(file, description);
  for (const auto& one : all) writer.frame(one, one.size());
  writer.finish();
  EXPECT_EQ(writer.bytes(), file.text.size());
  return file.text;
}

payloads read_all(const std::string& bytes) {
  framed_reader reader(std::make_unique<memory_input>(bytes));
  EXPECT_EQ(reader.description(), "numbers");
  payloads all;
  framed_reader::frame f;
  while (reader.next(f)) {
    EXPECT_EQ(f.records, f.payload.size());
    EXPECT_EQ(bytes.substr(f.offset, f.payload.size()), f.payload);
    all.emplace_back(f.payload);
  }
  return all;
}

std::string refusal(const std::string& bytes) {
  try {
    (void)read_all(bytes);
  } catch (const error& e) {
    return e.what();
  }
  return {};
}

TEST(FramedFile, WhatIsWrittenIsRead) {
  const payloads all{"one", "", std::string(100'000, 'x'), "four"};
  EXPECT_EQ(read_all(framed(all)), all);
  EXPECT_EQ(read_all(framed({})), payloads{});
}

TEST(FramedFile, EveryByteThatChangesIsNoticed) {
  const std::string whole = framed({"one", "two"});
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char mask : {'\x01', '\x80', '\xff'}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ mask);
      EXPECT_NE(refusal(damaged), "") << i;
    }
  }
}

TEST(FramedFile, EveryFileThatIsTooShortIsNoticed) {
  const std::string whole = framed({"one", "two"});
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_NE(refusal(whole.substr(0, n)), "") << n;
  EXPECT_NE(refusal(whole + "x").find("more after the end mark"), std::string::npos);
}

TEST(FramedFile, AFrameOfAnotherFileOrPlaceIsNoticed) {
  const std::string a = framed({"one", "two"});
  const std::string b = framed({"one", "two"});
  EXPECT_NE(a, b);  // each file has its own identity
  const std::size_t head = a.size() - 32 - 35 - 35;
  EXPECT_NE(refusal(a.substr(0, head) + b.substr(head)), "");
  EXPECT_NE(refusal(a.substr(0, head) + a.substr(head + 35, 35) + a.substr(head, 35) +
                    a.substr(head + 70)),
            "");
}

TEST(FramedFile, AnErrorSaysFileAndOffset) {
  std::string damaged = framed({"one", "two"});
  damaged[damaged.size() - 33] ^= 1;  // the last byte of "two"
  EXPECT_EQ(refusal(damaged),
            "the file is damaged, a frame's checksum is wrong: \"memory\" at offset " +
                std::to_string(damaged.size() - 32 - 3));
  EXPECT_EQ(refusal("a file of another kind, long enough for a head"),
            "the file is damaged, this is not a file of millrace's frames: \"memory\" at offset 0");
}

}  // namespace
}  // namespace millrace::detail
