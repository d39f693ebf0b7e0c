// Files of a directory, once each, whenever the program dies.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/testing.hpp"

namespace millrace {
namespace {

namespace fs = std::filesystem;

class FileStreamRecovery : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace_again_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root_ = name;
    fs::create_directory(root_ + "/in");
  }
  void TearDown() override { fs::remove_all(root_); }

  void bring(const std::string& name, const std::string& text) const {
    std::ofstream(root_ + "/" + name) << text;
    fs::rename(root_ + "/" + name, root_ + "/in/" + name);
  }

  /// So many batches; the output of the batch at `fails` fails. False: it did.
  bool run(int batches, std::int64_t fails = -1) {
    testing::stream_fixture s(
        {.batch = std::chrono::seconds(1), .checkpoint = root_ + "/checkpoint"});
    s.streaming()
        .text_file_stream(root_ + "/in")
        .for_each_rdd([&](const rdd<std::string_view>& lines, batch_time time) {
          const std::int64_t at = time.time_since_epoch().count() / 1000;
          for (const std::string_view line : lines.collect()) seen_[at].emplace_back(line);
          if (at == fails) throw std::runtime_error("the output fails");
        });
    try {
      s.advance(batches);
      return true;
    } catch (const stream_error&) {
      return false;
    }
  }

  std::string root_;
  std::map<std::int64_t, std::vector<std::string>> seen_;  // by batch
};

using lines = std::vector<std::string>;

TEST_F(FileStreamRecovery, each_file_is_read_in_one_batch) {
  bring("old", "from before\n");
  // What is there at the first start is old.
  ASSERT_TRUE(run(1));
  EXPECT_TRUE(seen_.empty());
  bring("a", "a\n");  // while nobody runs
  ASSERT_TRUE(run(2));
  EXPECT_EQ(seen_[2], lines{"a"});
  bring("b", "b\n");
  ASSERT_TRUE(run(2));
  EXPECT_EQ(seen_[4], lines{"b"});
  seen_.clear();
  ASSERT_TRUE(run(3));
  EXPECT_TRUE(seen_.empty());
}

TEST_F(FileStreamRecovery, a_batch_that_was_not_done_reads_its_files_again) {
  ASSERT_TRUE(run(1));
  bring("a", "a\n");
  ASSERT_FALSE(run(2, 2));
  EXPECT_EQ(seen_[2], lines{"a"});
  bring("b", "b\n");
  ASSERT_TRUE(run(1));
  EXPECT_EQ(seen_[2], (lines{"a", "a"}));
  EXPECT_EQ(seen_[3], lines{"b"});
}

TEST_F(FileStreamRecovery, a_file_that_was_changed_since_fails_the_batch) {
  ASSERT_TRUE(run(1));
  bring("a", "a\n");
  ASSERT_FALSE(run(1, 2));
  std::ofstream(root_ + "/in/a", std::ios::app) << "more\n";
  testing::stream_fixture s({.checkpoint = root_ + "/checkpoint"});
  s.streaming().text_file_stream(root_ + "/in").print(0);
  try {
    s.advance();
    FAIL() << "the changed file was read";
  } catch (const stream_error& e) {
    EXPECT_NE(std::string(e.what()).find("was changed or replaced since"), std::string::npos)
        << e.what();
  }
}

}  // namespace
}  // namespace millrace
