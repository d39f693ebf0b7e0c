#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "millrace/error.hpp"
#include "storage/key_value_store.hpp"

namespace millrace::detail {
namespace {

namespace fs = std::filesystem;

class RocksdbStore : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "millrace-rocksdb-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory = name;
    conf.set("local.dir", name);
  }
  void TearDown() override { fs::remove_all(directory); }
  std::unique_ptr<key_value_store> open(std::size_t memory = std::size_t{8} << 20) {
    return open_store("rocksdb", memory, conf);
  }
  static std::map<std::string, std::string> all_of(key_value_store& store, std::string_view first,
                                                   std::string_view end) {
    std::map<std::string, std::string> all;
    std::string last;
    store.scan(first, end, [&](std::string_view key, std::string_view value) {
      EXPECT_LT(last, key);
      last = key;
      all.emplace(key, value);
    });
    return all;
  }

  fs::path directory;
  settings conf;
};

TEST_F(RocksdbStore, GivesBackWhatWasWritten) {
  const auto store = open();
  std::map<std::string, std::string> expected;
  std::mt19937 chance(1);
  for (int round = 0; round < 200; ++round) {
    key_value_changes changes;
    for (int i = 0; i < 50; ++i) {
      std::string key(1 + chance() % 6, '\0');
      for (char& c : key) c = static_cast<char>(chance() % 4 * 85);  // zeros and 0xFF, too
      const std::string value(chance() % 200, static_cast<char>('a' + chance() % 26));
      if (chance() % 3 == 0) {
        changes.remove(key);
        expected.erase(key);
      } else {
        changes.put(key, value);
        expected[key] = value;
      }
    }
    store->write(changes);
  }
  EXPECT_EQ(all_of(*store, "", std::string(8, '\xFF')), expected);

  std::vector<std::string> keys;
  for (const auto& [key, value] : expected) keys.push_back(key);
  keys.push_back("not there");
  std::vector<std::string_view> views(keys.begin(), keys.end());
  std::size_t next = 0;
  store->get(views, [&](std::size_t i, std::string_view value) {
    EXPECT_EQ(i, next++);
    EXPECT_EQ(value, expected[keys[i]]);
  });
  EXPECT_EQ(next, expected.size());
}

TEST_F(RocksdbStore, HoldsMoreThanItsMemory) {
  const auto store = open();
  std::mt19937 chance(2);
  constexpr int blocks = 64;  // of 1 MiB, eight times the memory
  for (int block = 0; block < blocks; ++block) {
    key_value_changes changes;
    for (int i = 0; i < 256; ++i) {
      std::string value(4096, '\0');
      for (char& c : value) c = static_cast<char>(chance());
      changes.put(std::to_string(block) + "/" + std::to_string(i), value);
    }
    store->write(changes);
  }
  EXPECT_EQ(all_of(*store, "0", "~").size(), std::size_t{blocks} * 256);
}

TEST_F(RocksdbStore, ForgetsARange) {
  const auto store = open();
  key_value_changes changes;
  for (const char* key : {"a1", "a2", "b1", "b2", "c1"}) changes.put(key, key);
  store->write(changes);
  store->forget("b", "c");
  EXPECT_EQ(all_of(*store, "a", "z").size(), 3U);
  EXPECT_TRUE(all_of(*store, "b", "c").empty());
}

TEST_F(RocksdbStore, LeavesNothingBehind) {
  {
    const auto store = open();
    key_value_changes changes;
    changes.put("a", "b");
    store->write(changes);
    EXPECT_FALSE(fs::is_empty(directory));
  }
  EXPECT_TRUE(fs::is_empty(directory));
}

TEST_F(RocksdbStore, AnErrorNamesTheDirectory) {
  conf.set("local.dir", "/proc/nowhere");
  try {
    open();
    FAIL() << "there is no such directory";
  } catch (const error& e) {
    EXPECT_NE(std::string(e.what()).find("/proc/nowhere"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace millrace::detail
