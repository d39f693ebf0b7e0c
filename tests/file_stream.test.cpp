// Files that appear in a directory.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "millrace/testing.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using testing::stream_fixture;
using texts = std::vector<std::string>;
using batches = std::vector<texts>;

class FileStream : public ::testing::Test {
 protected:
  FileStream() {
    std::string name = (fs::temp_directory_path() / "millrace_file_stream_XXXXXX").string();
    root = ::mkdtemp(name.data());
    fs::create_directory(root / "in");
    detail::set_log_level(detail::log_level::off);
  }
  ~FileStream() override {
    detail::set_log_level(detail::log_level::warn);
    fs::remove_all(root);
  }

  /// As it should be done: written elsewhere, then moved here.
  void move_in(const std::string& name, const std::string& content) {
    write(root / "staged", content);
    fs::rename(root / "staged", root / "in" / name);
  }
  static void write(const fs::path& path, const std::string& content,
                    std::ios::openmode mode = std::ios::trunc) {
    std::ofstream(path, mode | std::ios::out) << content;
  }
  std::string in() const { return (root / "in").string(); }

  static dstream<std::string> owned(const dstream<std::string_view>& lines) {
    return lines.map([](std::string_view line) { return std::string(line); });
  }

  fs::path root;
};

TEST_F(FileStream, a_file_is_read_once_in_the_batch_after_it_came) {
  stream_fixture s{{.batch = 1s}};
  move_in("old", "old\n");
  auto seen = s.collect(owned(s.streaming().text_file_stream(in())));
  s.advance();
  move_in("b", "3\n4\n");
  move_in("a", "1\n2");
  move_in("c, {d}*", "5\n");  // no pattern, but a name
  s.advance();
  fs::rename(root / "in" / "a", root / "in" / "z");  // the same file
  s.advance();
  move_in("a", "6\n");
  // Its own time does not tell when it came.
  const timespec long_ago[2] = {{0, 0}, {0, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (root / "in" / "a").c_str(), long_ago, 0), 0);
  s.advance(2);
  EXPECT_EQ(seen.batches(), (batches{{}, {"1", "2", "3", "4", "5"}, {}, {"6"}, {}}));
}

TEST_F(FileStream, what_is_there_at_the_start_may_be_read_too) {
  stream_fixture s{{.batch = 1s}};
  move_in("old", "old\n");
  auto seen = s.collect(owned(s.streaming().text_file_stream(in(), {.new_files_only = false})));
  s.advance(2);
  EXPECT_EQ(seen.batches(), (batches{{"old"}, {}}));
}

TEST_F(FileStream, what_is_hidden_unfinished_empty_or_filtered_is_not_read) {
  stream_fixture s{{.batch = 1s}};
  auto all = s.collect(owned(s.streaming().text_file_stream(in())));
  auto some = s.collect(owned(s.streaming().text_file_stream(
      in(), {.filter = [](const std::string& path) { return path.ends_with(".log"); }})));
  s.advance();
  for (const char* name : {".a", "_b", "c.tmp", "d._COPYING_", "e.txt", "f.log"})
    move_in(name, std::string(name) + "\n");
  move_in("empty", "");
  fs::create_directory(root / "in" / "below");
  write(root / "in" / "below" / "g.log", "below\n");
  s.advance();
  write(root / "in" / "empty", "no more\n");
  fs::rename(root / "in" / "c.tmp", root / "in" / "c");
  s.advance();
  EXPECT_EQ(all.batches(), (batches{{}, {"e.txt", "f.log"}, {"c.tmp", "no more"}}));
  EXPECT_EQ(some.batches(), (batches{{}, {"f.log"}, {}}));
}

TEST_F(FileStream, directories_below_and_directories_by_pattern) {
  stream_fixture s{{.batch = 1s}};
  for (const char* name : {"x1", "x2", "y", "x1/deep", "x1/deep/er", "x1/_hidden"})
    fs::create_directory(root / "in" / name);
  auto all = s.collect(owned(s.streaming().text_file_stream(in(), {.recursive = true})));
  auto some = s.collect(owned(s.streaming().text_file_stream(in() + "/x*")));
  auto none = s.collect(owned(s.streaming().text_file_stream(in() + "/not_yet*")));
  s.advance();
  for (const char* name : {"0", "x1/1", "x2/2", "y/3", "x1/deep/er/4", "x1/_hidden/5"})
    move_in(name, std::string(name) + "\n");
  fs::create_directory(root / "in" / "not_yet_there");
  move_in("not_yet_there/6", "6\n");
  s.advance();
  EXPECT_EQ(all.sorted()[1], (texts{"0", "6", "x1/1", "x1/deep/er/4", "x2/2", "y/3"}));
  EXPECT_EQ(some.sorted()[1], (texts{"x1/1", "x2/2"}));
  EXPECT_EQ(none.batches(), (batches{{}, {"6"}}));
}

TEST_F(FileStream, a_change_after_reading_is_reported_and_never_read) {
  struct listener : streaming_listener {
    void receiver_error(const receiver_info& i) override { said.push_back(i.last_error_message); }
    texts said;
  } told;
  stream_fixture s{{.batch = 1s}};
  s.streaming().add_listener(told);
  auto seen = s.collect(owned(s.streaming().text_file_stream(in())));
  s.advance();
  move_in("a", "1\n");
  s.advance();
  write(root / "in" / "a", "2\n", std::ios::app);
  s.advance(2);
  // A new file under the same name is another file.
  move_in("a", "3\n");
  s.advance();
  EXPECT_EQ(seen.batches(), (batches{{}, {"1"}, {}, {}, {"3"}}));
  s.streaming().stop();
  ASSERT_EQ(told.said.size(), 1U);
  EXPECT_NE(told.said[0].find("after it was read"), std::string::npos);
  EXPECT_NE(told.said[0].find(in() + "/a"), std::string::npos);
  s.streaming().remove_listener(told);
}

TEST_F(FileStream, a_directory_that_is_not_there_fails) {
  {
    stream_fixture s{{.batch = 1s}};
    s.collect(s.streaming().text_file_stream(in() + "/nowhere"));
    EXPECT_THROW(s.advance(), usage_error);
  }
  stream_fixture s{{.batch = 1s}};
  s.collect(s.streaming().text_file_stream(in()));
  s.advance();
  fs::remove_all(root / "in");
  try {
    s.advance();
    FAIL();
  } catch (const stream_error& e) {
    EXPECT_NE(std::string(e.what()).find("Input path does not exist"), std::string::npos)
        << e.what();
  }
  EXPECT_THROW(stream_fixture().streaming().text_file_stream(""), usage_error);
}

TEST_F(FileStream, a_reader_of_ones_own) {
  stream_fixture s{{.batch = 1s}};
  auto sizes = s.collect(s.streaming().file_stream<std::int64_t>(in(), [](const std::string& path) {
    return std::vector<std::uintmax_t>{fs::file_size(path)};
  }));
  auto words = s.collect(s.streaming().file_stream<std::string>(
      in(), [](const std::string& path, emit<std::string>& out) {
        std::ifstream file(path);
        for (std::string word; file >> word;) out(word);
      }));
  s.advance();
  move_in("a", "to be or");
  move_in("b", "not");
  s.advance();
  EXPECT_EQ(sizes.batches(), (std::vector<std::vector<std::int64_t>>{{}, {8, 3}}));
  EXPECT_EQ(words.batches(), (batches{{}, {"to", "be", "or", "not"}}));
}

TEST_F(FileStream, records_of_fixed_length) {
  stream_fixture s{{.batch = 1s}};
  auto seen = s.collect(owned(s.streaming().binary_records_stream(in(), 3)));
  s.advance();
  move_in("a", "abcdef");
  s.advance();
  EXPECT_EQ(seen.batches(), (batches{{}, {"abc", "def"}}));
  move_in("b", "abcd");
  EXPECT_THROW(s.advance(), stream_error);
  EXPECT_THROW(stream_fixture().streaming().binary_records_stream(in(), 0), usage_error);
}

}  // namespace
}  // namespace millrace
