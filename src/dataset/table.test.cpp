#include "dataset/table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::detail {
namespace {

/// Counts its living instances.
struct tracked {
  static inline int alive = 0;
  int n = 0;
  tracked() { ++alive; }
  explicit tracked(int v) : n(v) { ++alive; }
  tracked(const tracked& other) : n(other.n) { ++alive; }
  tracked(tracked&& other) noexcept : n(std::exchange(other.n, -1)) { ++alive; }
  tracked& operator=(const tracked&) = default;
  tracked& operator=(tracked&&) = default;
  ~tracked() { --alive; }
};

}  // namespace
}  // namespace millrace::detail

template <>
struct millrace::codec<millrace::detail::tracked> {
  static void encode(const detail::tracked& t, byte_writer& out) {
    out.u32(static_cast<std::uint32_t>(t.n));
  }
  static detail::tracked decode(byte_reader& in) {
    return detail::tracked(static_cast<int>(in.u32()));
  }
};

namespace millrace::detail {
namespace {

struct add {
  tracked operator()(const tracked& a, const tracked& b) const {
    if (b.n < 0) throw std::runtime_error("negative");
    return tracked(a.n + b.n);
  }
  std::string operator()(const std::string& a, const std::string& b) const { return a + b; }
  int operator()(int a, int b) const { return a + b; }
};

/// Folds pairs into a table as a reduce_by_key does, in chunks.
template <class K, class V>
class folded {
 public:
  using row = std::pair<K, V>;
  folded() : table_(entry_layout(&row_type_of<K>(), &row_type_of<V>())) {}
  void add_rows(const std::vector<row>& rows) {
    for (std::size_t i = 0; i < rows.size(); i += chunk_capacity) {
      const auto n =
          static_cast<std::uint32_t>(std::min<std::size_t>(chunk_capacity, rows.size() - i));
      const auto* first = reinterpret_cast<const char*>(rows.data() + i);
      table_.find(source_, first, sizeof(row), n, slots_);
      table_.fold(aggregator_.fold_values, aggregator_.function.get(), slots_, nullptr,
                  first + aggregator_.value_at, sizeof(row), n);
    }
  }
  void append_rows(const std::vector<row>& rows) {
    for (std::size_t i = 0; i < rows.size(); i += chunk_capacity) {
      const auto n =
          static_cast<std::uint32_t>(std::min<std::size_t>(chunk_capacity, rows.size() - i));
      const auto* first = reinterpret_cast<const char*>(rows.data() + i);
      table_.append(source_, first, sizeof(row), n, slots_);
      table_.fold(aggregator_.fold_values, aggregator_.function.get(), slots_, nullptr,
                  first + aggregator_.value_at, sizeof(row), n);
    }
  }
  void merge(folded& other) {
    for (std::uint32_t i = 0; i < other.table_.size(); i += chunk_capacity) {
      const std::uint32_t n = std::min(chunk_capacity, other.table_.size() - i);
      const char* entries = other.table_.entries() + std::size_t{i} * table_.layout().stride();
      table_.merge(entries, n, slots_);
      table_.fold(aggregator_.fold_combined, aggregator_.function.get(), slots_, nullptr,
                  entries + table_.layout().value_at(), table_.layout().stride(), n);
    }
  }
  std::vector<row> rows() {
    std::vector<row> all;
    const entry_layout& l = table_.layout();
    for (std::uint32_t i = 0; i < table_.size(); ++i) {
      const char* e = table_.entries() + std::size_t{i} * l.stride();
      row_buffer key(row_type_of<K>());
      l.make_key(e, key.place());
      key.added();
      all.emplace_back(*static_cast<K*>(key.data()), *reinterpret_cast<const V*>(e + l.value_at()));
    }
    return all;
  }
  aggregation_table& table() { return table_; }

 private:
  aggregator aggregator_ = reduce_aggregator<K, V>(add());
  aggregation_table table_;
  key_source source_ = table_.layout().source(aggregator_.key_at);
  void* slots_[chunk_capacity];
};

/// The same by hand: one value a key, in order of arrival.
template <class K, class V>
std::vector<std::pair<K, V>> by_hand(const std::vector<std::pair<K, V>>& rows) {
  std::vector<std::pair<K, V>> all;
  std::map<K, std::size_t> place;
  for (const auto& [k, v] : rows) {
    const auto [found, fresh] = place.try_emplace(k, all.size());
    if (fresh) all.emplace_back(k, v);
    else all[found->second].second = add()(all[found->second].second, v);
  }
  return all;
}

template <class K>
struct key_maker;
template <>
struct key_maker<std::string> {
  static std::string make(int i) {  // inline, on the edge, in the arena
    return i % 3 == 0   ? std::to_string(i)
           : i % 3 == 1 ? std::string(16, 'e') + std::to_string(i)
                        : std::string(static_cast<std::size_t>(i % 17), 'x');
  }
};
template <>
struct key_maker<std::int64_t> {
  static std::int64_t make(int i) { return std::int64_t{i} * 0x10001; }
};
template <>
struct key_maker<std::pair<char, int>> {
  static std::pair<char, int> make(int i) { return {static_cast<char>(i % 7), i}; }
};
template <>
struct key_maker<double> {
  static double make(int i) { return i / 3.0; }
};
template <>
struct key_maker<std::pair<std::string, int>> {
  static std::pair<std::string, int> make(int i) {
    return {key_maker<std::string>::make(i), i % 5};
  }
};
template <>
struct key_maker<std::set<int>> {
  static std::set<int> make(int i) { return {i, i / 2}; }
};

template <class K>
class TableOf : public testing::Test {};
using key_types = testing::Types<std::string, std::int64_t, std::pair<char, int>, double,
                                 std::pair<std::string, int>, std::set<int>>;
TYPED_TEST_SUITE(TableOf, key_types);

TYPED_TEST(TableOf, GrowsInOrderOfArrival) {
  std::vector<std::pair<TypeParam, int>> numbers;
  std::vector<std::pair<TypeParam, std::string>> texts;
  for (int i = 0; i < 10'000; ++i) {
    numbers.emplace_back(key_maker<TypeParam>::make(i * 7 % 3001), i);
    texts.emplace_back(key_maker<TypeParam>::make(i * 7 % 301), std::to_string(i));
  }
  folded<TypeParam, int> table;
  table.add_rows(numbers);
  EXPECT_EQ(table.rows(), by_hand(numbers));

  folded<TypeParam, std::string> first;
  folded<TypeParam, std::string> second;
  folded<TypeParam, std::string> both;
  first.add_rows(texts);
  second.add_rows({texts.rbegin(), texts.rend()});
  both.merge(first);
  both.merge(second);
  auto all = by_hand(texts);
  const auto reversed = by_hand<TypeParam, std::string>({texts.rbegin(), texts.rend()});
  all.insert(all.end(), reversed.begin(), reversed.end());
  EXPECT_EQ(both.rows(), by_hand(all));
}

TYPED_TEST(TableOf, AppendsEqualKeysToo) {
  std::vector<std::pair<TypeParam, std::string>> rows;
  for (int i = 0; i < 5000; ++i)
    rows.emplace_back(key_maker<TypeParam>::make(i % 10), std::to_string(i));
  folded<TypeParam, std::string> table;
  table.append_rows(rows);
  EXPECT_EQ(table.rows(), rows);
}

template <class K>
std::size_t keys_in(const std::vector<std::pair<K, tracked>>& rows) {
  std::set<K> keys;
  for (const auto& r : rows) keys.insert(r.first);
  return keys.size();
}

TYPED_TEST(TableOf, AnExceptionLeavesNothingBehind) {
  ASSERT_EQ(tracked::alive, 0);
  {
    std::vector<std::pair<TypeParam, tracked>> rows;
    for (int i = 0; i < 2000; ++i)
      rows.emplace_back(key_maker<TypeParam>::make(i < 1500 ? i : i - 1500),
                        tracked(i == 1700 ? -1 : i));
    const int given = tracked::alive;
    {
      folded<TypeParam, tracked> table;
      EXPECT_THROW(table.add_rows(rows), std::runtime_error);
      EXPECT_GT(table.table().size(), 1000U);
    }
    EXPECT_EQ(tracked::alive, given);
    {
      folded<TypeParam, tracked> table;
      rows.resize(1600);
      table.add_rows(rows);
      auto [entries, texts] = table.table().release();
      const entry_layout layout(&row_type_of<TypeParam>(), &row_type_of<tracked>());
      const std::size_t n = keys_in(rows);  // given away: whoever took them ends them
      layout.destroy(static_cast<char*>(entries.get()), n, n);
    }
    EXPECT_EQ(tracked::alive, 1600);
  }
  EXPECT_EQ(tracked::alive, 0);
}

TEST(Table, KeysThatCrowdAreSpread) {
  // Words whose hashes agree in the bits that choose a slot, as an enemy would pick them.
  const entry_layout layout(&row_type_of<std::string>(), &row_type_of<int>());
  std::vector<std::pair<std::string, int>> rows;
  for (int i = 0; rows.size() < 1500; ++i) {
    std::string word = "w" + std::to_string(i);
    if (rows.size() % 3 == 2) word += std::string(20, 'l');  // a long one
    std::uint32_t hash = 0;
    layout.hash_keys(reinterpret_cast<const char*>(&word), 0, sizeof word, 1, &hash);
    if (hash % 1024 == 77) rows.emplace_back(word, static_cast<int>(rows.size()));
  }
  const std::size_t n = rows.size();
  for (std::size_t i = 0; i < n; ++i) rows.push_back(rows[(i * 7) % n]);
  folded<std::string, int> table;
  table.add_rows(rows);
  EXPECT_EQ(table.rows(), by_hand(rows));
  // And found again, and merged, under the new hash.
  table.add_rows(rows);
  folded<std::string, int> merged;
  merged.merge(table);
  merged.merge(table);
  std::vector<std::pair<std::string, int>> four;
  for (int i = 0; i < 4; ++i) four.insert(four.end(), rows.begin(), rows.end());
  EXPECT_EQ(merged.rows(), by_hand(four));
}

TEST(Table, SumsAreFolds) {
  std::vector<std::pair<std::string, int>> rows;
  for (int i = 0; i < 5000; ++i) rows.emplace_back(key_maker<std::string>::make(i % 700), i - 100);
  folded<std::string, int> summed;
  for (std::size_t i = 0; i < rows.size(); i += 1000)
    summed.table().sum(known_sum::int32, summed.table().layout().source(0),
                       reinterpret_cast<const char*>(rows.data() + i), sizeof rows[0],
                       row_type_of<std::pair<std::string, int>>().field(1).offset, 1000);
  EXPECT_EQ(summed.rows(), by_hand(rows));
}

TEST(Scatter, KeepsTheOrderWithinEachPartition) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (int i = 0; i < 3000; ++i)
    rows.emplace_back(key_maker<std::string>::make(i), std::to_string(i));
  folded<std::string, std::string> table;
  table.append_rows(rows);
  const entry_layout layout = table.table().layout();
  std::vector<int> to;
  for (std::uint32_t i = 0; i < table.table().size(); ++i)
    to.push_back(static_cast<int>(partition_of_hash(
        layout.hash(table.table().entries() + std::size_t{i} * layout.stride()), 5)));
  auto [entries, texts] = table.table().release();
  const auto by = hash_partitioner_for(row_type_of<std::string>(), 5);
  const auto out = scatter(layout, std::move(entries), to.size(), std::move(texts), *by, false);
  for (int p = 0; p < 5; ++p) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (to[i] != p) continue;
      ASSERT_LT(at, out->count(p));
      const char* e = out->begin(p) + at++ * layout.stride();
      EXPECT_EQ(*reinterpret_cast<const std::string*>(e + layout.value_at()), rows[i].second);
    }
    EXPECT_EQ(at, out->count(p));
    EXPECT_GT(at, 0U);
  }
}

}  // namespace
}  // namespace millrace::detail
