#include "storage/key_value_store.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "millrace/error.hpp"
#include "storage/memory_store.test.hpp"

namespace millrace::detail {
namespace {

namespace fs = std::filesystem;

std::string opened_in;

class KeyValueStore : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "millrace-stores-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory = name;
    conf.set("local.dir", name);
  }
  void TearDown() override { fs::remove_all(directory); }
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
  }
  std::string refusal(std::string_view kind) {
    try {
      open_store(kind, 1 << 20, conf);
    } catch (const usage_error& e) {
      return e.what();
    }
    return "not refused";
  }

  fs::path directory;
  settings conf;
};

TEST_F(KeyValueStore, WhatIsNotLinkedIsNamed) {
  EXPECT_NE(refusal("rocksdb").find("millrace::rocksdb"), std::string::npos);
  EXPECT_NE(refusal("paper").find("memory or rocksdb: \"paper\""), std::string::npos);
  EXPECT_EQ(entries(), 0U);
}

TEST_F(KeyValueStore, HasADirectoryThatGoesWithIt) {
  add_store("of a test",
            [](const std::string& in, std::size_t) -> std::unique_ptr<key_value_store> {
              opened_in = in;
              return std::make_unique<memory_store>();
            });
  // What a process that was killed has left, and what a living one has.
  fs::create_directories(directory / "millrace-state-1-0" / "data");
  std::ofstream(directory / "millrace-state-1-0" / "owner") << "";
  std::ofstream(directory / "something else") << "";
  {
    const auto first = open_store("of a test", 1 << 20, conf);
    const std::string in_first = opened_in;
    const auto second = open_store("of a test", 1 << 20, conf);
    EXPECT_NE(in_first, opened_in);
    EXPECT_TRUE(opened_in.starts_with(directory.string()));
    EXPECT_FALSE(fs::exists(directory / "millrace-state-1-0"));
    EXPECT_EQ(entries(), 3U);

    key_value_changes changes;
    changes.put("a", "1");
    changes.put("b", "2");
    changes.remove("a");
    first->write(changes);
    std::string seen;
    first->scan("a", "c", [&](std::string_view key, std::string_view value) {
      seen.append(key).append(value);
    });
    EXPECT_EQ(seen, "b2");
  }
  EXPECT_EQ(entries(), 1U);
}

TEST_F(KeyValueStore, ChangesAreCopied) {
  key_value_changes changes;
  std::string key = "key";
  changes.put(key, std::string(1000, 'v'));
  key = "other";
  changes.remove(key);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].key, "key");
  EXPECT_EQ(changes[0].value, std::string(1000, 'v'));
  EXPECT_FALSE(changes[0].remove);
  EXPECT_EQ(changes[1].key, "other");
  EXPECT_TRUE(changes[1].remove);
  changes.clear();
  EXPECT_EQ(changes.size(), 0U);
}

}  // namespace
}  // namespace millrace::detail
