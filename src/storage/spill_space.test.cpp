#include "storage/spill_space.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>
#include <vector>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

class SpillSpaceThreads : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-spill-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory); }
  static std::string read(const spill_space::piece& from) {
    std::string bytes(from.length, '\0');
    spill_space::read(from, bytes.data());
    return bytes;
  }
  std::filesystem::path directory;
};

TEST_F(SpillSpaceThreads, GivesBackWhatWasWritten) {
  spill_space space((directory / "made" / "here").string());
  EXPECT_FALSE(std::filesystem::exists(directory / "made"));  // nothing before the first write
  std::vector<std::vector<spill_space::piece>> pieces(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i)
        pieces[static_cast<std::size_t>(t)].push_back(
            space.write(std::string(static_cast<std::size_t>(i), static_cast<char>('a' + t))));
    });
  for (auto& t : threads) t.join();
  for (int t = 0; t < 4; ++t)
    for (int i = 0; i < 200; ++i)
      EXPECT_EQ(read(pieces[static_cast<std::size_t>(t)][static_cast<std::size_t>(i)]),
                std::string(static_cast<std::size_t>(i), static_cast<char>('a' + t)));
  EXPECT_TRUE(std::filesystem::is_empty(directory / "made" / "here"));
}

TEST_F(SpillSpaceThreads, APieceOutlivesItsSpace) {
  spill_space::piece kept;
  {
    spill_space space(directory.string());
    kept = space.write("kept");
  }
  EXPECT_EQ(read(kept), "kept");
}

TEST_F(SpillSpaceThreads, WhatIsNotWhatWasWrittenIsRefused) {
  spill_space space(directory.string());
  auto piece = space.write("some bytes");
  piece.checksum ^= 1;
  EXPECT_THROW(static_cast<void>(read(piece)), error);
  piece.offset = 1 << 20;  // after the end
  EXPECT_THROW(static_cast<void>(read(piece)), error);
}

TEST_F(SpillSpaceThreads, ADirectoryThatCannotBeMadeIsNamed) {
  spill_space space("/proc/millrace");
  try {
    static_cast<void>(space.write("x"));
    FAIL();
  } catch (const error& e) {
    EXPECT_NE(std::string(e.what()).find("/proc/millrace"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace millrace::detail
