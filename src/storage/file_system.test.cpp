#include "millrace/detail/storage/file_system.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

namespace fs = std::filesystem;
using names = std::vector<std::string>;

std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const error& e) {
    return e.what();
  }
  return "no error";
}

class LocalFileSystem : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace_files_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }

  void write(const std::string& name, std::string_view bytes = "x") {
    const auto file = files_.create(path(name));
    file->write(bytes);
    file->sync();
    file->close();
  }

  std::string read(const std::string& name) {
    const auto file = files_.open_read(path(name));
    std::string bytes(file->size() + 10, '\0');
    bytes.resize(file->read_at(0, bytes.data(), bytes.size()));
    return bytes;
  }

  /// Names relative to the root.
  names list(const std::string& pattern) {
    names found;
    for (const file_info& file : files_.list(pattern)) {
      EXPECT_TRUE(file.path.starts_with(root_ + "/")) << file.path;
      found.push_back(file.path.substr(root_.size() + 1));
    }
    return found;
  }

  std::string root_;
  file_system& files_ = local_file_system();
};

TEST_F(LocalFileSystem, WhatIsWrittenIsRead) {
  write("a", "one two");
  EXPECT_EQ(read("a"), "one two");
  write("a", "three");
  EXPECT_EQ(read("a"), "three");
  const auto file = files_.open_read(path("a"));
  EXPECT_EQ(file->size(), 5U);
  EXPECT_EQ(file->path(), path("a"));
  char bytes[3];
  EXPECT_EQ(file->read_at(1, bytes, 3), 3U);
  EXPECT_EQ(std::string(bytes, 3), "hre");
  EXPECT_EQ(file->read_at(4, bytes, 3), 1U);
  EXPECT_EQ(file->read_at(5, bytes, 3), 0U);
  EXPECT_EQ(file->read_at(500, bytes, 3), 0U);
}

TEST_F(LocalFileSystem, ADirectoryIsItsVisibleFilesByName) {
  for (const char* name : {"b", "a", "c.txt", ".hidden", "_SUCCESS", "B"}) write(name);
  fs::create_directory(path("below"));
  write("below/d");
  EXPECT_EQ(list(root_), (names{"B", "a", "b", "c.txt"}));
  EXPECT_EQ(list(root_ + "/"), (names{"B", "a", "b", "c.txt"}));
  fs::create_directory(path("empty"));
  EXPECT_EQ(list(path("empty")), names{});
}

TEST_F(LocalFileSystem, AFileSaysItsSizeTimeAndIdentity) {
  write("a", "12345");
  const file_info before = files_.list(path("a")).at(0);
  EXPECT_EQ(before.size, 5U);
  const auto age = system_clock_source().now() - before.modified;
  EXPECT_LT(age.count() < 0 ? -age : age, std::chrono::hours{1});
  files_.rename(path("a"), path("b"));
  const file_info after = files_.list(path("b")).at(0);
  EXPECT_EQ(after.inode, before.inode);
  EXPECT_EQ(after.device, before.device);
  EXPECT_NE(after.inode, 0U);
}

TEST_F(LocalFileSystem, Globs) {
  for (const char* day : {"day1", "day2", "day10"}) {
    fs::create_directory(path(day));
    for (const char* name : {"x.log", "y.log", "z.txt", "_SUCCESS"}) {
      write(std::string{day} + "/" + name);
    }
  }
  EXPECT_EQ(list(path("day1/*.log")), (names{"day1/x.log", "day1/y.log"}));
  EXPECT_EQ(list(path("day?/x.log")), (names{"day1/x.log", "day2/x.log"}));
  EXPECT_EQ(list(path("day[2-9]")), (names{"day2/x.log", "day2/y.log", "day2/z.txt"}));
  EXPECT_EQ(list(path("day1/{x,z}*")), (names{"day1/x.log", "day1/z.txt"}));
  EXPECT_EQ(list(path("day1/{x,x}.log")), (names{"day1/x.log"}));
  EXPECT_EQ(list(path("day1/*")), (names{"day1/x.log", "day1/y.log", "day1/z.txt"}));
  EXPECT_EQ(list(path("day*/x.log")), (names{"day1/x.log", "day10/x.log", "day2/x.log"}));
  EXPECT_EQ(list("file://" + path("day1/*.txt")), (names{"day1/z.txt"}));
}

TEST_F(LocalFileSystem, SeveralWithCommas) {
  for (const char* name : {"a", "b", "c", "d,e"}) write(name);
  EXPECT_EQ(list(path("b") + "," + path("a")), (names{"b", "a"}));
  EXPECT_EQ(list(path("{a,b}") + "," + path("c")), (names{"a", "b", "c"}));
  EXPECT_EQ(list(path("d,e")), (names{"d,e"}));
  EXPECT_EQ(list(path("d\\,?")), (names{"d,e"}));
}

TEST_F(LocalFileSystem, AnExistingNameIsNoGlob) {
  write("[a]*");
  write("a");
  EXPECT_EQ(list(path("[a]*")), (names{"[a]*"}));
  EXPECT_EQ(list(path("\\[*")), (names{"[a]*"}));
  write("_spelled_out");
  EXPECT_EQ(list(path("_spelled_out")), (names{"_spelled_out"}));
}

TEST_F(LocalFileSystem, WhatDoesNotExistIsAnErrorOfUse) {
  EXPECT_EQ(refusal([&] { (void)files_.list(path("none")); }),
            "Input path does not exist: " + path("none"));
  EXPECT_THROW((void)files_.list(path("none*")), usage_error);
  EXPECT_THROW((void)files_.list(path("none/*/x")), usage_error);
  EXPECT_THROW((void)files_.list(""), usage_error);
  write("a");
  EXPECT_THROW((void)files_.list(path("a") + "," + path("none")), usage_error);
  EXPECT_THROW((void)files_.list(path("a/b")), usage_error);
  EXPECT_EQ(refusal([&] { (void)files_.open_read(path("none")); }),
            "Input path does not exist: " + path("none"));
}

TEST_F(LocalFileSystem, WhatIsNoRegularFileIsRefused) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_THROW((void)files_.list(path("pipe")), usage_error);
  EXPECT_THROW((void)files_.open_read(path("pipe")), usage_error);
  EXPECT_THROW((void)files_.open_read(root_), usage_error);
  EXPECT_EQ(list(root_), names{});
}

TEST_F(LocalFileSystem, Links) {
  write("a");
  fs::create_symlink(path("a"), path("link"));
  EXPECT_EQ(list(root_), (names{"a", "link"}));
  fs::create_symlink(path("none"), path("dangling"));
  EXPECT_EQ(refusal([&] { (void)list(root_); }),
            "following the link failed (No such file or directory): \"" + path("dangling") + "\"");
}

TEST_F(LocalFileSystem, ErrorsSayWhatAndWhere) {
  EXPECT_EQ(refusal([&] { (void)files_.create(path("none/a")); }),
            "creating failed (No such file or directory): \"" + path("none/a") + "\"");
  EXPECT_EQ(refusal([&] { files_.rename(path("none"), path("b")); }),
            "renaming failed (No such file or directory): \"" + path("none") + "\" to \"" +
                path("b") + "\"");
  write("a");
  EXPECT_EQ(refusal([&] { files_.make_directories(path("a/b")); }),
            "making the directory failed (Not a directory): \"" + path("a/b") + "\"");
  EXPECT_EQ(refusal([&] { files_.sync_directory(path("none")); }),
            "opening the directory failed (No such file or directory): \"" + path("none") + "\"");
  const auto full = files_.create("/dev/full");
  EXPECT_EQ(refusal([&] { full->write("x"); }),
            "writing failed (No space left on device): \"/dev/full\"");
}

TEST_F(LocalFileSystem, DirectoriesComeMoveAndGo) {
  files_.make_directories(path("a/b/c"));
  files_.make_directories(path("a/b/c"));
  EXPECT_TRUE(files_.exists(path("a/b/c")));
  write("a/b/c/file");
  files_.sync_directory(path("a/b/c"));
  files_.rename(path("a"), path("moved"));
  EXPECT_FALSE(files_.exists(path("a")));
  EXPECT_EQ(read("moved/b/c/file"), "x");
  fs::create_directory(path("kept"));
  write("kept/file");
  fs::create_directory_symlink(path("kept"), path("moved/link"));
  files_.remove_tree(path("moved"));
  files_.remove_tree(path("moved"));
  EXPECT_FALSE(files_.exists(path("moved")));
  EXPECT_EQ(read("kept/file"), "x");
}

TEST_F(LocalFileSystem, FilePaths) {
  write("a", "here");
  EXPECT_TRUE(files_.exists("file://" + path("a")));
  EXPECT_TRUE(files_.exists("file:" + path("a")));
  EXPECT_TRUE(files_.exists("file://localhost" + path("a")));
  EXPECT_THROW((void)files_.exists("file://elsewhere" + path("a")), usage_error);
  EXPECT_THROW((void)files_.exists(std::string("/a\0b", 4)), usage_error);
}

TEST(FileSystemFor, TheScheme) {
  EXPECT_EQ(&file_system_for("relative/path"), &local_file_system());
  EXPECT_EQ(&file_system_for("/with:colon/a"), &local_file_system());
  EXPECT_EQ(&file_system_for("file:///a"), &local_file_system());
  EXPECT_EQ(refusal([] { (void)file_system_for("hdfs://host/a"); }),
            "this file system is not part of the program; link the CMake target millrace::hdfs: "
            "\"hdfs://host/a\"");
  EXPECT_NE(refusal([] { (void)file_system_for("webhdfs://h/a"); }).find("millrace::hdfs"),
            std::string::npos);
  EXPECT_NE(refusal([] { (void)file_system_for("s3://b/a"); }).find("millrace::s3"),
            std::string::npos);
  EXPECT_THROW((void)file_system_for("gopher://h/a"), usage_error);
}

}  // namespace
}  // namespace millrace::detail
