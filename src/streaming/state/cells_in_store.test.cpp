// The two places of keys and values do the same.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/error.hpp"
#include "storage/memory_store.test.hpp"
#include "streaming/state/key_cells.hpp"

namespace millrace::detail {
namespace {

/// All keys of the same hash, and equal by something else than their bytes.
struct shy_key {
  std::string text;
  int spelling = 0;
  bool operator==(const shy_key& other) const { return text == other.text; }
};

}  // namespace
}  // namespace millrace::detail

template <>
struct std::hash<millrace::detail::shy_key> {
  std::size_t operator()(const millrace::detail::shy_key&) const { return 7; }
};

namespace millrace::detail {
namespace {

template <class K>
class cells_under_test {
 public:
  explicit cells_under_test(std::shared_ptr<key_value_store> store)
      : cells_(store == nullptr
                   ? cells_in_memory(row_type_of<K>(), row_type_of<std::string>(), alive)
                   : cells_in_store(std::move(store), row_type_of<K>(), row_type_of<std::string>(),
                                    alive)) {}

  std::vector<std::uint32_t> find(const std::vector<K>& keys) {
    std::vector<std::uint32_t> ids(keys.size());
    cells_->find(0, reinterpret_cast<const char*>(keys.data()), sizeof(K),
                 static_cast<std::uint32_t>(keys.size()), ids.data());
    alive.resize(cells_->size());
    return ids;
  }
  /// What the ids have now: key and value, "none" where there is none.
  std::vector<std::pair<K, std::string>> read(const std::vector<std::uint32_t>& ids) {
    const auto n = static_cast<std::uint32_t>(ids.size());
    std::vector<std::pair<K, std::string>> all(ids.size());
    std::vector<const void*> values(ids.size());
    row_buffer kept(row_type_of<std::string>());
    row_buffer keys(row_type_of<K>());
    arena texts;
    cells_->make_keys(ids.data(), n, static_cast<char*>(keys.extend(n)), sizeof(K), texts);
    keys.added(n);
    cells_->read(ids.data(), n, values.data(), kept);
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = {*static_cast<const K*>(keys.row(i)),
                values[i] == nullptr ? "none" : *static_cast<const std::string*>(values[i])};
    return all;
  }
  /// Empty text: the key goes. Returns what was replaced.
  std::vector<std::string> put(const std::vector<std::uint32_t>& ids,
                               const std::vector<std::string>& values) {
    staged_changes changes(row_type_of<std::string>());
    changes.ids = ids;
    for (std::string value : values) {
      changes.alive.push_back(value.empty() ? 0 : 1);
      if (!value.empty()) changes.values.append({&value, 1, true});
    }
    row_buffer replaced(row_type_of<std::string>());
    replaced.reserve(ids.size());
    std::vector<const void*> before(ids.size());
    replaced_values left{replaced, before};
    cells_->put(changes, &left);
    for (std::size_t i = 0; i < ids.size(); ++i) alive[ids[i]] = changes.alive[i];
    std::vector<std::string> was;
    for (const void* const one : before)
      was.push_back(one == nullptr ? "none" : *static_cast<const std::string*>(one));
    return was;
  }
  std::uint32_t size() const { return cells_->size(); }

  alive_flags alive;

 private:
  std::unique_ptr<key_cells> cells_;
};

template <class K>
void do_the_same(unsigned seed, K (*key)(unsigned)) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 chance(seed);
  const auto store = std::make_shared<memory_store>();
  {
    cells_under_test<K> memory(nullptr);
    cells_under_test<K> disk(store);
    for (int batch = 0; batch < 30; ++batch) {
      std::vector<K> keys;
      for (auto n = chance() % 100; n != 0; --n)
        keys.push_back(key(static_cast<unsigned>(chance() % 300)));
      const auto ids = memory.find(keys);
      ASSERT_EQ(disk.find(keys), ids);
      ASSERT_EQ(disk.size(), memory.size());
      std::map<std::uint32_t, std::string> changes;  // each key once
      for (const std::uint32_t id : ids)
        if (chance() % 3 != 0)
          changes[id] = chance() % 4 == 0 ? "" : "value " + std::to_string(chance() % 1000);
      std::vector<std::uint32_t> changed;
      std::vector<std::string> values;
      for (const auto& [id, value] : changes) {
        changed.push_back(id);
        values.push_back(value);
      }
      ASSERT_EQ(disk.put(changed, values), memory.put(changed, values));
      std::vector<std::uint32_t> all;
      for (std::uint32_t id = 0; id < memory.size(); ++id)
        if (batch % 2 == 0 || chance() % 5 == 0) all.push_back(id);
      ASSERT_EQ(disk.read(all), memory.read(all));
    }
  }
  EXPECT_EQ(store->size(), 0U) << "what a table had goes with it";
}

TEST(CellsInStore, DoAsCellsInMemory) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    do_the_same<std::string>(seed, [](unsigned n) {
      return n % 2 == 0 ? std::to_string(n) : "a longer key of number " + std::to_string(n);
    });
    do_the_same<std::int64_t>(seed, [](unsigned n) { return std::int64_t{n} * 1'000'000'007; });
    do_the_same<double>(seed, [](unsigned n) { return n == 0 ? -0.0 : n == 1 ? 0.0 : n * 0.5; });
  }
}

TEST(CellsInStore, KeysAreEqualByTheirOwnEquality) {
  cells_under_test<shy_key> disk(std::make_shared<memory_store>());
  EXPECT_EQ(disk.find({{"a", 1}, {"b", 1}, {"a", 2}}), (std::vector<std::uint32_t>{0, 1, 0}));
  EXPECT_EQ(disk.find({{"c", 1}, {"b", 2}, {"a", 3}}), (std::vector<std::uint32_t>{2, 1, 0}));
  EXPECT_EQ(disk.read({1})[0].first.text, "b");
}

TEST(CellsInStore, TwoTablesShareAStore) {
  const auto store = std::make_shared<memory_store>();
  cells_under_test<int> one(store);
  {
    cells_under_test<int> other(store);
    EXPECT_EQ(one.find({5, 6}), (std::vector<std::uint32_t>{0, 1}));
    EXPECT_EQ(other.find({6, 7}), (std::vector<std::uint32_t>{0, 1}));
    one.put({0}, {"five"});
    other.put({0}, {"six"});
  }
  EXPECT_EQ(one.read({0, 1}), (std::vector<std::pair<int, std::string>>{{5, "five"}, {6, "none"}}));
}

TEST(CellsInStore, WhatFailsChangesNothing) {
  const auto store = std::make_shared<memory_store>();
  cells_under_test<std::string> disk(store);
  disk.find({"a", "b"});
  disk.put({0, 1}, {"1", "2"});
  const auto before = disk.read({0, 1});
  for (int call = 0; call < 2; ++call) {
    store->fail(call);
    EXPECT_THROW(disk.find({"b", "c", "a", "d"}), error) << call;
    EXPECT_EQ(disk.size(), 2U);
    store->fail(-1);
    EXPECT_EQ(disk.read({0, 1}), before);
  }
  for (int call = 0; call < 2; ++call) {
    store->fail(call);
    EXPECT_THROW(disk.put({0, 1}, {"3", ""}), error) << call;
    store->fail(-1);
    EXPECT_EQ(disk.read({0, 1}), before);
  }
  EXPECT_EQ(disk.find({"b", "c", "a", "d"}), (std::vector<std::uint32_t>{1, 2, 0, 3}));
  EXPECT_EQ(disk.put({0, 1}, {"3", ""}), (std::vector<std::string>{"1", "2"}));
}

}  // namespace
}  // namespace millrace::detail
