#include "storage/log_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

namespace fs = std::filesystem;

class LogFile : public testing::Test {
 protected:
  LogFile()
      : path_(
            (fs::path(testing::TempDir()) /
             ("log-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name())))
                .string()) {
    fs::remove(path_);
  }
  ~LogFile() override { fs::remove(path_); }

  using entries = std::vector<std::string>;

  /// What the writer puts behind entries that were synced.
  static constexpr std::size_t mark_bytes = framed_writer::head_bytes + 8;

  /// Each group is synced, the last one is not; and the end is marked, if so.
  void write(const std::vector<entries>& groups, bool close = false) {
    fs::remove(path_);
    log_writer log(local_file_system(), path_, "test");
    log_entry entry;
    offsets_.clear();
    for (const entries& group : groups) {
      if (&group != &groups.front()) log.sync();
      for (const std::string& text : group) {
        entry.clear();
        entry.bytes().raw(text.data(), text.size());
        offsets_.push_back(log.append(entry));
      }
    }
    if (close) log.close();
  }

  struct result {
    entries all;
    std::uint64_t torn;
    bool closed;
  };
  result read() {
    log_reader log(local_file_system(), path_, "test");
    result r{};
    log_reader::entry entry;
    while (log.next(entry)) {
      EXPECT_EQ(entry.offset, offsets_.at(r.all.size()));
      r.all.emplace_back(entry.bytes);
    }
    r.torn = log.torn();
    EXPECT_EQ(log.torn_text().empty(), r.torn == 0);
    r.closed = log.closed();
    return r;
  }
  std::string refusal() {
    try {
      (void)read();
    } catch (const error& e) {
      return e.what();
    }
    return {};
  }

  std::string bytes() {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void replace(const std::string& with) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << with;
  }

  std::string path_;
  std::vector<std::uint64_t> offsets_;
};

TEST_F(LogFile, WhatWasAppendedIsRead) {
  write({{"one", "", "three"}, {std::string(100'000, 'x')}}, true);
  const result r = read();
  EXPECT_EQ(r.all, (entries{"one", "", "three", std::string(100'000, 'x')}));
  EXPECT_EQ(r.torn, 0U);
  EXPECT_TRUE(r.closed);
}

TEST_F(LogFile, WithoutAnEndMarkItIsReadToItsEnd) {
  write({{"one"}, {"two"}});
  const result r = read();
  EXPECT_EQ(r.all, (entries{"one", "two"}));
  EXPECT_EQ(r.torn, 0U);
  EXPECT_FALSE(r.closed);
}

TEST_F(LogFile, CutAnywhereItGivesTheEntriesThatAreWhole) {
  write({{"one", "two", "three"}});
  const std::string whole = bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    replace(whole.substr(0, size));
    std::size_t expected = 0;
    while (expected + 1 < offsets_.size() && offsets_[expected + 1] <= size) ++expected;
    const result r = read();
    EXPECT_EQ(r.all.size(), size >= offsets_[0] ? expected : 0) << size;
    EXPECT_FALSE(r.closed) << size;
  }
}

TEST_F(LogFile, ZerosAtTheEndAreATornTail) {
  write({{"one"}});
  replace(bytes() + std::string(5000, '\0'));
  const result r = read();
  EXPECT_EQ(r.all, entries{"one"});
  EXPECT_EQ(r.torn, 5000U);
}

TEST_F(LogFile, DamageBeforeASyncedEntryIsRefusedWithPathAndOffset) {
  write({{"one", "two"}, {"three"}});
  const std::string whole = bytes();
  for (std::size_t i = offsets_[0]; i < offsets_[2] - mark_bytes; ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    replace(damaged);
    const std::string text = refusal();
    const std::size_t entry = i < offsets_[1] ? offsets_[0] : offsets_[1];
    EXPECT_NE(text.find(path_ + "\" at offset " + std::to_string(entry)), std::string::npos)
        << i << " " << text;
  }
}

TEST_F(LogFile, DamageToTheLastEntryIsRefusedIfItWasSynced) {
  write({{"one", "two"}, {}});
  const std::string whole = bytes();
  EXPECT_EQ(read().all, (entries{"one", "two"}));
  for (std::size_t i = offsets_[1]; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    replace(damaged);
    if (i < whole.size() - mark_bytes) {
      EXPECT_NE(refusal().find("at offset " + std::to_string(offsets_[1])), std::string::npos) << i;
    } else {
      EXPECT_EQ(read().all, (entries{"one", "two"})) << i;
    }
  }
}

TEST_F(LogFile, DamageAmongEntriesThatWereNeverSyncedIsATornTail) {
  write({{"one"}, {"two", "three"}});
  std::string damaged = bytes();
  damaged[offsets_[1] + 40] ^= 1;  // a page that did not reach the disk, before one that did
  replace(damaged);
  EXPECT_EQ(read().all, entries{"one"});
}

TEST_F(LogFile, AMarkedFileIsWholeOrRefused) {
  write({{"one", "two"}}, true);
  const std::string whole = bytes();
  for (std::size_t i = offsets_[0]; i + framed_writer::head_bytes < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x80);
    replace(damaged);
    EXPECT_NE(refusal(), "") << i;
  }
}

TEST_F(LogFile, AFileOfAnotherKindIsRefused) {
  write({{"one"}});
  EXPECT_THROW(log_reader(local_file_system(), path_, "letters"), error);
  replace(std::string(100, 'x'));
  EXPECT_THROW(log_reader(local_file_system(), path_, "test"), error);
}

TEST_F(LogFile, AnEntryIsFoundByItsOffset) {
  write({{"one", "two", "three"}}, true);
  log_reader log(local_file_system(), path_, "test");
  log_reader::entry entry;
  log.seek(offsets_[2]);
  ASSERT_TRUE(log.next(entry));
  EXPECT_EQ(entry.bytes, "three");
  log.seek(offsets_[1]);
  ASSERT_TRUE(log.next(entry));
  EXPECT_EQ(entry.bytes, "two");
}

TEST_F(LogFile, AFileThatIsThereIsNotOverwritten) {
  write({{"one"}});
  EXPECT_THROW(log_writer(local_file_system(), path_, "test"), error);
  EXPECT_EQ(read().all, entries{"one"});
}

}  // namespace
}  // namespace millrace::detail
