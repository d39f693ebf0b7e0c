#include "storage/dead_letter_files.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class DeadLetterFiles : public testing::Test {
 protected:
  DeadLetterFiles()
      : directory_((fs::path(testing::TempDir()) /
                    ("letters-" +
                     std::string(testing::UnitTest::GetInstance()->current_test_info()->name())))
                       .string()) {
    fs::remove_all(directory_);
  }
  ~DeadLetterFiles() override { fs::remove_all(directory_); }

  std::vector<dead_letter> read() {
    std::vector<dead_letter> all;
    for (const auto& path : dead_letter_files(local_file_system(), directory_))
      EXPECT_EQ(read_dead_letters(local_file_system(), path,
                                  [&](dead_letter&& one) { all.push_back(std::move(one)); }),
                "");
    return all;
  }

  static dead_letter letter(std::string bytes, std::string position = "line 1") {
    return {.time = std::chrono::sys_time<std::chrono::microseconds>(1'700'000'000'000'000us),
            .batch_time = std::chrono::sys_time<std::chrono::milliseconds>(5000ms),
            .source = "file csv /in",
            .position = std::move(position),
            .reason = "field 2 is no number",
            .bytes = std::move(bytes)};
  }

  std::string directory_;
};

TEST_F(DeadLetterFiles, WhatIsKeptIsReadBack) {
  const dead_letter first = letter(std::string("a,\0\n\xff", 5));
  dead_letter second = letter("b");
  second.batch_time.reset();
  {
    dead_letter_writer to(local_file_system(), directory_, 1 << 20);
    EXPECT_TRUE(to.add(first));
    EXPECT_TRUE(to.add(second));
    to.sync();
    EXPECT_EQ(read(), (std::vector{first, second}));  // while it is at work
    to.close();
  }
  EXPECT_EQ(read(), (std::vector{first, second}));
}

TEST_F(DeadLetterFiles, NothingIsWrittenWhereNothingIsBad) {
  dead_letter_writer to(local_file_system(), directory_, 1 << 20);
  to.sync();
  to.close();
  EXPECT_TRUE(dead_letter_files(local_file_system(), directory_).empty());
}

TEST_F(DeadLetterFiles, TheSameLetterIsKeptOnceAlsoByTheNextProgram) {
  for (int run = 0; run < 3; ++run) {
    dead_letter_writer to(local_file_system(), directory_, 1 << 20);
    EXPECT_EQ(to.add(letter("a")), run == 0);
    EXPECT_FALSE(to.add(letter("a")));
    EXPECT_EQ(to.add(letter("a", "line 2")), run == 0);
    if (run != 1) to.close();  // one dies
  }
  EXPECT_EQ(read().size(), 2U);
}

TEST_F(DeadLetterFiles, FullIsAnErrorThatNamesTheDirectoryAndTheSetting) {
  dead_letter_writer to(local_file_system(), directory_, 300);
  EXPECT_TRUE(to.add(letter("a")));
  try {
    to.add(letter(std::string(200, 'b')));
    FAIL();
  } catch (const error& e) {
    EXPECT_NE(std::string(e.what()).find("deadLetters.maxBytes"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find(directory_), std::string::npos);
  }
  EXPECT_FALSE(to.add(letter("a")));  // known
  to.close();
  EXPECT_EQ(read().size(), 1U);
}

}  // namespace
}  // namespace millrace::detail
