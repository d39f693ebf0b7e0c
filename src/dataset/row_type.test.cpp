#include "millrace/detail/dataset/row_type.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

// A type that millrace cannot see into.
class money {
 public:
  explicit money(std::uint64_t cents = 0) : cents_(cents) {}
  std::uint64_t cents() const { return cents_; }
  bool operator==(const money&) const = default;
  bool operator<(const money& other) const { return cents_ < other.cents_; }

 private:
  std::uint64_t cents_;
};
// Its encoding has no bytes at all.
class nothing_to_say {
 public:
  nothing_to_say() {}
  bool operator==(const nothing_to_say&) const { return true; }
};
// Its codec throws what it likes.
class strict {
 public:
  explicit strict(int v = 1) : value(v) {}
  bool operator==(const strict&) const = default;
  int value;
};
// Its codec has had another form: hundreds, in a byte.
class grown {
 public:
  explicit grown(int v = 0) : n(v) {}
  int n;
};

}  // namespace millrace::detail

template <>
struct millrace::codec<millrace::detail::grown> {
  static constexpr int version = 2;
  static void encode(const detail::grown& g, byte_writer& out) {
    out.u32(static_cast<std::uint32_t>(g.n));
  }
  static detail::grown decode(byte_reader& in, int written) {
    return detail::grown(written == 1 ? in.u8() * 100 : static_cast<int>(in.u32()));
  }
  static detail::grown decode(byte_reader& in) { return decode(in, 2); }
};
template <>
struct std::hash<millrace::detail::money> {
  std::size_t operator()(const millrace::detail::money& m) const noexcept { return m.cents(); }
};
template <>
struct millrace::codec<millrace::detail::money> {
  static void encode(const detail::money& m, byte_writer& out) { out.u64(m.cents()); }
  static detail::money decode(byte_reader& in) { return detail::money(in.u64()); }
};
template <>
struct millrace::codec<millrace::detail::nothing_to_say> {
  static void encode(const detail::nothing_to_say&, byte_writer&) {}
  static detail::nothing_to_say decode(byte_reader&) { return {}; }
};
template <>
struct millrace::codec<millrace::detail::strict> {
  static void encode(const detail::strict& s, byte_writer& out) {
    out.u8(static_cast<std::uint8_t>(s.value));
  }
  static detail::strict decode(byte_reader& in) {
    const int value = in.u8();
    if (value != 1) throw std::invalid_argument("not strict");
    return detail::strict(value);
  }
};

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;

enum class color : std::uint8_t { red, green, blue };
enum plain_enum : int { minus = -1, zero, plus };

struct point {
  int x;
  double y;
};
struct place {
  std::string name;
  point where;
  std::vector<point> around;
  std::optional<std::string> note;
};
struct viewing {
  std::string_view name;
  int n;
  std::pair<std::string_view, std::vector<std::string_view>> more;
};
struct nothing {};
// Brings its own comparisons: the last digit alone counts.
struct last_digit {
  int n;
  bool operator==(const last_digit& other) const { return n % 10 == other.n % 10; }
  bool operator<(const last_digit& other) const { return n % 10 < other.n % 10; }
};

}  // namespace
}  // namespace millrace::detail

template <>
struct std::hash<millrace::detail::last_digit> {
  std::size_t operator()(const millrace::detail::last_digit& d) const noexcept {
    return static_cast<std::size_t>(d.n % 10);
  }
};

namespace millrace::detail {
namespace {

/// Memory for one row; destroys it if one was made.
class row_slot {
 public:
  explicit row_slot(const row_type& type) : type_(type), memory_(allocate_aligned(type.size)) {}
  row_slot(const row_slot&) = delete;
  row_slot& operator=(const row_slot&) = delete;
  ~row_slot() {
    if (made) destroy_rows(type_, memory_.get(), 1);
  }
  void* get() { return memory_.get(); }
  bool made = false;

 private:
  const row_type& type_;
  aligned_memory memory_;
};

std::string encoded(const row_type& type, const void* row) {
  byte_writer out;
  encode_row(type, row, out);
  return std::string(out.view());
}

/// The bytes in memory of their own, so that reading past them is seen.
std::unique_ptr<char[]> exact(std::string_view bytes) {
  auto copy = std::make_unique<char[]>(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.get(), bytes.data(), bytes.size());
  return copy;
}

/// True: decoded. An mr::error is the only other way to end.
bool decodes(const row_type& type, std::string_view bytes, row_slot& to, arena& texts) {
  const auto memory = exact(bytes);
  byte_reader in(memory.get(), bytes.size());
  try {
    decode_row(type, to.get(), in, texts);
    to.made = true;
    return true;
  } catch (const error&) {
    return false;
  }
}

std::string printed(const row_type& type, const void* row) {
  std::string text;
  print_row(type, row, text);
  return text;
}

/// `values`: all different, ascending where the type is ordered.
template <class T>
void check_kind(const std::vector<T>& values, bool hashable = true, bool ordered = true) {
  const row_type& type = row_type_of<T>();
  SCOPED_TRACE(std::string(type.name));
  EXPECT_EQ(type.hashable, hashable);
  EXPECT_EQ(type.ordered, ordered);
  EXPECT_EQ(type.holds_views, holds_views_v<T>);
  const auto n = static_cast<std::size_t>(values.size());
  for (std::size_t i = 0; i < n; ++i) {
    const T a = values[i];
    for (std::size_t j = 0; j < n; ++j) {
      const T b = values[j];
      SCOPED_TRACE(printed(type, &a) + " and " + printed(type, &b));
      if (hashable) {
        EXPECT_EQ(equal_rows(type, &a, &b), i == j);
        EXPECT_EQ(hash_row(type, &a) == hash_row(type, &b), i == j);
      }
      if (ordered) {
        EXPECT_EQ(less_rows(type, &a, &b), i < j);
      }
    }

    const std::string bytes = encoded(type, &a);
    arena texts;
    {
      row_slot back(type);
      ASSERT_TRUE(decodes(type, bytes, back, texts));
      EXPECT_EQ(encoded(type, back.get()), bytes);
      EXPECT_EQ(printed(type, back.get()), printed(type, &a));
      if (hashable) {
        EXPECT_TRUE(equal_rows(type, &a, back.get()));
        EXPECT_EQ(hash_row(type, &a), hash_row(type, back.get()));
      }
    }
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      row_slot back(type);
      EXPECT_FALSE(decodes(type, std::string_view(bytes).substr(0, cut), back, texts)) << cut;
    }
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
      row_slot back(type);
      if (!decodes(type, flipped, back, texts)) continue;
      static_cast<void>(printed(type, back.get()));  // a damaged row is a row all the same
      if (hashable) {
        EXPECT_TRUE(equal_rows(type, back.get(), back.get()));
      }
    }
  }

  // Kept rows: copied, moved while the buffer grows, destroyed.
  row_buffer kept(type);
  for (int round = 0; round < 3; ++round)
    for (const T& v : values) kept.append({const_cast<T*>(&v), 1, false});
  ASSERT_EQ(kept.size(), 3 * n);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const T original = values[i % n];
    EXPECT_EQ(printed(type, kept.row(i)), printed(type, &original));
  }
}

TEST(RowKinds, Scalars) {
  check_kind<bool>({false, true});
  check_kind<char>({'a', 'b', '~'});
  check_kind<signed char>({-128, -1, 0, 127});
  check_kind<std::uint8_t>({0, 1, 128, 255});
  check_kind<std::int16_t>({-32768, -1, 0, 1, 32767});
  check_kind<std::uint16_t>({0, 1, 65535});
  check_kind<int>({std::numeric_limits<int>::min(), -1, 0, 1, std::numeric_limits<int>::max()});
  check_kind<std::uint32_t>({0, 1, 0xffffffff});
  check_kind<std::int64_t>({std::numeric_limits<std::int64_t>::min(), -1, 0, 1,
                            std::numeric_limits<std::int64_t>::max()});
  check_kind<std::uint64_t>({0, 1, std::uint64_t{1} << 63, ~std::uint64_t{0}});
  check_kind<color>({color::red, color::green, color::blue});
  check_kind<plain_enum>({minus, zero, plus});
  check_kind<char16_t>({u'a', u'b'});
}

TEST(RowKinds, Floating) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  check_kind<double>({-infinity, -1.5, -1e-300, 0.0, 5e-324, 1.5, infinity, nan});
  check_kind<float>({-1.5F, 0.0F, 1e-40F, 3.25F, std::numeric_limits<float>::quiet_NaN()});
  // Long doubles that are the same as doubles are different keys all the same.
  const row_type& wide = row_type_of<long double>();
  const long double a = 1.0L;
  const long double b = 1.0L + std::numeric_limits<long double>::epsilon();
  EXPECT_TRUE(less_rows(wide, &a, &b));
  EXPECT_FALSE(equal_rows(wide, &a, &b));
}

TEST(RowKinds, Texts) {
  check_kind<std::string>({"", "\0"s, "a", "a\0"s, "a\0b"s, "ab", "b", std::string(40, 'c'),
                           std::string(40, 'c') + "\xff", "\xff"});
  check_kind<std::string_view>({"", "\0"sv, "a", "a\0"sv, "b", "\xc3\xa9", "\xff"});
}

TEST(RowKinds, Containers) {
  check_kind<std::vector<int>>({{}, {-1}, {0}, {0, 0}, {0, 1}, {1}});
  check_kind<std::vector<bool>>({{}, {false}, {false, true}, {true}, {true, false}});
  check_kind<std::vector<std::string>>({{}, {""}, {"", "a"}, {"a"}, {"a", ""}});
  check_kind<std::vector<std::vector<std::int64_t>>>({{}, {{}}, {{}, {1}}, {{1}}, {{1}, {}}});
  check_kind<std::deque<std::string>>({{}, {"a"}, {"a", "b"}});
  check_kind<std::set<std::string>>({{}, {"a"}, {"a", "b"}, {"b"}});
  check_kind<std::array<int, 3>>({{0, 0, 0}, {0, 0, 1}, {0, 1, 0}});
  check_kind<std::array<std::string, 2>>({{"", ""}, {"", "a"}, {"a", ""}});
  check_kind<std::map<std::string, int>>({{}, {{"a", 1}}, {{"a", 1}, {"b", 0}}, {{"a", 2}}});
  check_kind<std::multimap<int, int>>(
      {{{1, 1}, {1, 1}, {2, 2}}, {{1, 1}, {2, 2}, {2, 2}}, {{1, 2}}});
  // No order in what a hash decides.
  check_kind<std::unordered_map<std::string, int>>({{}, {{"a", 1}}, {{"a", 2}}, {{"b", 1}}}, true,
                                                   false);
  check_kind<std::unordered_set<int>>({{}, {1}, {2}, {3}}, true, false);
}

TEST(RowKinds, Choices) {
  check_kind<std::optional<int>>({std::nullopt, -1, 0, 1});
  check_kind<std::optional<std::optional<std::string>>>(
      {std::nullopt, {std::optional<std::string>()}, {"a"}});
  check_kind<std::variant<int, std::string>>({-1, 7, "", "a"});
  check_kind<std::variant<std::monostate, bool, bool>>(
      {{},
       std::variant<std::monostate, bool, bool>(std::in_place_index<1>, true),
       std::variant<std::monostate, bool, bool>(std::in_place_index<2>, false)});
}

TEST(RowKinds, Records) {
  check_kind<std::pair<int, std::string>>({{0, "b"}, {1, "a"}, {1, "b"}});
  check_kind<std::pair<char, int>>({{'a', -1}, {'a', 1}, {'b', 0}});  // with padding
  check_kind<std::tuple<int, std::string, double>>({{0, "b", 1.0}, {1, "a", 2.0}, {1, "a", 3.0}});
  check_kind<std::tuple<>>({{}});
  check_kind<point>({{0, -1.0}, {0, 2.0}, {1, 0.0}});
  check_kind<place>({{"a", {1, 2}, {}, {}},
                     {"a", {1, 2}, {{3, 4}}, {}},
                     {"a", {1, 2}, {{3, 4}}, "n"},
                     {"b", {0, 0}, {}, {}}});
  check_kind<viewing>({{"a", 1, {"b", {"c", "d"}}}, {"a", 2, {"", {}}}, {"b", 0, {"", {"", ""}}}});
}

TEST(RowKinds, Times) {
  using seconds_point = std::chrono::sys_time<std::chrono::seconds>;
  check_kind<std::chrono::milliseconds>({-1ms, 0ms, 5ms});
  check_kind<std::chrono::duration<double>>({-1.5s, 0s, 2.5s});
  check_kind<seconds_point>({seconds_point(-1s), seconds_point(0s), seconds_point(1700000000s)});
  check_kind<std::chrono::system_clock::time_point>(
      {std::chrono::system_clock::time_point(), std::chrono::system_clock::time_point(1ns)});
}

TEST(RowKinds, Custom) {
  check_kind<money>({money(0), money(1), money(~std::uint64_t{0})});
  check_kind<std::vector<money>>({{}, {money(1)}, {money(1), money(2)}});
}

TEST(RowKeys, NanIsItselfAndZeroHasNoSign) {
  const double nans[] = {std::numeric_limits<double>::quiet_NaN(), -std::nan("7")};
  const double zeros[] = {0.0, -0.0};
  const auto same = [](const auto& a, const auto& b) {
    const row_type& type = row_type_of<std::decay_t<decltype(a)>>();
    EXPECT_TRUE(equal_rows(type, &a, &b)) << type.name;
    EXPECT_EQ(hash_row(type, &a), hash_row(type, &b)) << type.name;
    if (type.ordered) {
      EXPECT_FALSE(less_rows(type, &a, &b) || less_rows(type, &b, &a)) << type.name;
    }
  };
  for (const auto* x : {nans, zeros}) {
    same(x[0], x[1]);
    same(static_cast<float>(x[0]), static_cast<float>(x[1]));
    same(point{1, x[0]}, point{1, x[1]});
    same(std::pair(1, x[0]), std::pair(1, x[1]));
    same(std::vector<double>{1, x[0]}, std::vector<double>{1, x[1]});
    same(std::array<double, 1>{x[0]}, std::array<double, 1>{x[1]});
    same(std::optional<double>(x[0]), std::optional<double>(x[1]));
    same(std::variant<int, double>(x[0]), std::variant<int, double>(x[1]));
    same(std::map<int, double>{{1, x[0]}}, std::map<int, double>{{1, x[1]}});
    same(std::chrono::duration<double>(x[0]), std::chrono::duration<double>(x[1]));
  }
}

TEST(RowKeys, HashedContainersHaveNoOrder) {
  // The same elements, met in different orders.
  std::unordered_set<int> a;
  std::unordered_set<int> b;
  b.reserve(1000);
  for (int i = 0; i < 100; ++i) a.insert(i), b.insert(99 - i);
  ASSERT_NE(std::vector<int>(a.begin(), a.end()), std::vector<int>(b.begin(), b.end()));
  const row_type& type = row_type_of<std::unordered_set<int>>();
  EXPECT_TRUE(equal_rows(type, &a, &b));
  EXPECT_EQ(hash_row(type, &a), hash_row(type, &b));

  std::unordered_multiset<int> c{1, 1, 2};
  std::unordered_multiset<int> d{1, 2, 2};
  EXPECT_FALSE(equal_rows(row_type_of<std::unordered_multiset<int>>(), &c, &d));
}

TEST(RowKeys, ATypeWithItsOwnHashKeepsItsOwnComparisons) {
  const row_type& type = row_type_of<std::pair<last_digit, int>>();
  const std::pair<last_digit, int> a{{13}, 1};
  const std::pair<last_digit, int> b{{23}, 1};
  EXPECT_TRUE(equal_rows(type, &a, &b));
  EXPECT_EQ(hash_row(type, &a), hash_row(type, &b));
  EXPECT_FALSE(less_rows(type, &a, &b));
}

TEST(RowKeys, SortPrefixesAgreeWithTheOrder) {
  const auto check = [](const auto& values) {
    using T = typename std::decay_t<decltype(values)>::value_type;
    const row_type& type = row_type_of<T>();
    const sort_prefix prefix = sort_prefix_of(type);
    ASSERT_NE(prefix.of, nullptr) << type.name;
    for (const T& a : values)
      for (const T& b : values) {
        const auto x = prefix.of(type, &a);
        const auto y = prefix.of(type, &b);
        if (x < y) {
          EXPECT_TRUE(less_rows(type, &a, &b));
        } else if (x == y && prefix.exact) {
          EXPECT_FALSE(less_rows(type, &a, &b) || less_rows(type, &b, &a));
        }
      }
  };
  check(std::vector<int>{-5, 5, 0, std::numeric_limits<int>::min()});
  check(std::vector<std::uint64_t>{0, 1, ~std::uint64_t{0}});
  check(std::vector<std::int8_t>{-128, -1, 0, 127});
  check(std::vector<double>{-1.0, 1.0, -0.0, 0.0, 1e300, -1e300, std::nan(""), -std::nan("")});
  check(std::vector<float>{-1.0F, 1.0F, -0.0F, 0.0F});
  check(std::vector<std::string>{"", "a", "a\0"s, "abcdefgh", "abcdefghi", "\xff"});
  check(std::vector<std::string_view>{{}, "", "a", "\xff"});  // the first has no address
}

TEST(RowDecoding, LengthsThatAreLies) {
  arena texts;
  const auto refused = [&](const row_type& type, std::string_view bytes) {
    row_slot to(type);
    EXPECT_FALSE(decodes(type, bytes, to, texts)) << type.name;
  };
  const std::string huge = "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s;
  refused(row_type_of<std::vector<int>>(), huge);
  refused(row_type_of<std::string>(), huge);
  refused(row_type_of<std::vector<std::tuple<>>>(), huge);
  refused(row_type_of<std::vector<nothing>>(), huge);
  refused(row_type_of<std::vector<nothing_to_say>>(), huge);
  refused(row_type_of<std::map<int, int>>(), huge);
  refused(row_type_of<std::optional<int>>(), "\x02\0\0\0\0"sv);
  refused(row_type_of<std::variant<int, char>>(), "\0a"sv);
  refused(row_type_of<std::variant<int, char>>(),
          "\x03"
          "aaaa"sv);
  refused(row_type_of<bool>(), "\x02"sv);
  // An array has as many elements as it has.
  refused(row_type_of<std::array<char, 2>>(),
          "\x01"
          "a"sv);
  refused(row_type_of<std::array<char, 2>>(),
          "\x03"
          "abc"sv);
  refused(row_type_of<strict>(), "\x01\x02"sv);  // whatever a codec throws
  refused(row_type_of<strict>(), "\x02\x01"sv);  // of a version that is not known
}

TEST(RowDecoding, ACodecIsToldTheVersionThatWrote) {
  const row_type& type = row_type_of<grown>();
  arena texts;
  row_slot back(type);
  ASSERT_TRUE(decodes(type, "\x01\x07"sv, back, texts));
  EXPECT_EQ(static_cast<const grown*>(back.get())->n, 700);
  row_slot now(type);
  ASSERT_TRUE(decodes(type, encoded(type, back.get()), now, texts));
  EXPECT_EQ(static_cast<const grown*>(now.get())->n, 700);
}

TEST(RowSignature, SaysHowRowsAreEncoded) {
  using std::chrono::milliseconds;
  const auto says = [](const row_type& type) { return signature_of(type); };
  EXPECT_EQ(says(row_type_of<std::pair<std::string, int>>()), "(text, int32)");
  EXPECT_EQ(says(row_type_of<std::pair<std::string_view, int>>()), "(text, int32)");
  EXPECT_EQ(says(row_type_of<std::tuple<bool, char, std::uint8_t, double>>()),
            "(bool, char, uint8, float64)");
  EXPECT_EQ(says(row_type_of<std::map<int, std::vector<std::optional<float>>>>()),
            "{int32: [optional float32]}");
  EXPECT_EQ(says(row_type_of<std::variant<int, std::string>>()), "<int32 | text>");
  EXPECT_EQ(says(row_type_of<milliseconds>()), "duration_int64[1/1000s]");
  EXPECT_EQ(says(row_type_of<std::chrono::sys_time<milliseconds>>()), "time_int64[1/1000s]");
  EXPECT_EQ(says(row_type_of<std::chrono::duration<double>>()), "duration_float64[1/1s]");
}

TEST(RowDecoding, RowsWithoutBytes) {
  arena texts;
  const auto returns = [&](const auto& value) {
    const row_type& type = row_type_of<std::decay_t<decltype(value)>>();
    const std::string bytes = encoded(type, &value);
    row_slot back(type);
    ASSERT_TRUE(decodes(type, bytes, back, texts)) << type.name;
    EXPECT_EQ(encoded(type, back.get()), bytes) << type.name;
    EXPECT_EQ(printed(type, back.get()), printed(type, &value)) << type.name;
  };
  returns(nothing());
  returns(std::vector<nothing>(3));
  returns(std::vector<std::tuple<>>(5));
  returns(std::vector<std::pair<nothing, std::tuple<>>>(2));
  returns(std::vector<nothing_to_say>(4));
}

/// The views of `make(text)` are owned, then the text is overwritten and freed.
template <class Make>
void check_owned(const Make& make) {
  const std::string original = "first second third and a longer one behind";
  const std::string expected = [&] {
    const auto row = make(original);
    return printed(row_type_of<std::decay_t<decltype(row)>>(), &row);
  }();
  auto source = std::make_unique<std::string>(original);
  auto row = make(*source);
  const row_type& type = row_type_of<decltype(row)>();
  EXPECT_TRUE(type.holds_views);
  arena texts;
  own_row(type, &row, texts);
  std::fill(source->begin(), source->end(), 'X');
  source = nullptr;
  EXPECT_EQ(printed(type, &row), expected);
}

TEST(RowOwning, ViewsSurviveWhatTheyViewed) {
  using view = std::string_view;
  check_owned([](view t) { return t.substr(6, 6); });
  check_owned([](view t) { return t.substr(0, 0); });
  check_owned([](view t) { return std::pair(t.substr(0, 5), 1); });
  check_owned([](view t) { return std::tuple(1, t.substr(0, 5), std::pair(t.substr(6), 'c')); });
  check_owned([](view t) { return viewing{t.substr(0, 5), 1, {t, {t.substr(1), t.substr(2)}}}; });
  check_owned([](view t) { return std::vector<view>{t, t.substr(6), {}}; });
  check_owned([](view t) { return std::deque<view>{t.substr(6)}; });
  check_owned([](view t) { return std::array<view, 2>{t, t.substr(3)}; });
  check_owned([](view t) { return std::set<view>{t, t.substr(3), t.substr(0, 3)}; });
  check_owned([](view t) { return std::map<view, int>{{t, 1}, {t.substr(3), 2}}; });
  check_owned([](view t) { return std::map<int, view>{{1, t}, {2, t.substr(3)}}; });
  check_owned([](view t) { return std::unordered_map<std::string, view>{{"k", t.substr(3)}}; });
  check_owned([](view t) { return std::optional<view>(t.substr(3)); });
  check_owned([](view) { return std::optional<view>(); });
  check_owned([](view t) { return std::variant<int, view>(t.substr(3)); });
  check_owned([](view) { return std::variant<int, view>(3); });
  check_owned(
      [](view t) { return std::vector<std::optional<std::pair<view, int>>>{{{t, 1}}, {}}; });
}

TEST(RowOwning, DecodedTextIsCopied) {
  const row_type& type = row_type_of<std::vector<std::string_view>>();
  const std::vector<std::string_view> row{"one", "", "two"};
  arena texts;
  row_slot back(type);
  ASSERT_TRUE(decodes(type, encoded(type, &row), back, texts));  // the bytes are gone after it
  EXPECT_EQ(printed(type, back.get()), "[one, , two]");
}

TEST(RowOwning, EmptyTextHasAnAddress) {
  arena texts;
  std::string_view none;
  own_row(row_type_of<std::string_view>(), &none, texts);
  EXPECT_NE(none.data(), nullptr);
}

TEST(RowBuffer, AdoptsBuffersWithTheirTexts) {
  const row_type& type = row_type_of<std::string_view>();
  row_buffer all(type);
  for (int i = 0; i < 5; ++i) {
    row_buffer part(type);
    for (int j = 0; j <= i; ++j) {
      const std::string text =
          "text " + std::to_string(i) + std::string(20, 'x') + std::to_string(j);
      std::string_view row = text;
      part.append({&row, 1, false});
    }
    all.append(std::move(part));
  }
  row_buffer moved(std::move(all));
  ASSERT_EQ(moved.size(), 15U);
  std::size_t at = 0;
  for (int i = 0; i < 5; ++i)
    for (int j = 0; j <= i; ++j)
      EXPECT_EQ(*static_cast<const std::string_view*>(moved.row(at++)),
                "text " + std::to_string(i) + std::string(20, 'x') + std::to_string(j));
}

}  // namespace
}  // namespace millrace::detail
