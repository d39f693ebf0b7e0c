// Runs tests/conformance/*.cases: see the README there.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "rdd_fixture.hpp"

namespace millrace {
namespace {

using tests::strings;
using text_pair = std::pair<std::string, std::int64_t>;

struct conformance_case {
  std::string file;
  int line = 0;
  std::map<std::string, std::string> keys;
  const std::string& operator[](const std::string& key) const {
    static const std::string none;
    const auto found = keys.find(key);
    return found == keys.end() ? none : found->second;
  }
};

std::vector<conformance_case> read_cases() {
  std::vector<conformance_case> all;
  strings paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(MILLRACE_TEST_DIRECTORY "/conformance"))
    if (entry.path().extension() == ".cases") paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    std::ifstream file(path);
    int number = 0;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
      ++number;
      if (line.empty()) inside = false;
      const auto colon = line.find(':');
      if (line.empty() || line[0] == '#' || colon == std::string::npos) continue;
      if (!inside) all.push_back({std::filesystem::path(path).stem().string(), number, {}});
      inside = true;
      const auto value = line.find_first_not_of(' ', colon + 1);
      all.back().keys[line.substr(0, colon)] =
          value == std::string::npos ? std::string() : line.substr(value);
    }
  }
  return all;
}

strings words_in(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

/// What an operation gave, as texts: rows by partition, or one value.
struct outcome {
  std::vector<strings> partitions;
  std::string value;
};

template <class T>
std::string text_of(const T& row) {
  std::string text;
  detail::print_row(detail::row_type_of<T>(), &row, text);
  std::erase(text, ' ');
  return text;
}
template <class T>
outcome of(const rdd<T>& data) {
  outcome o;
  for (const auto& part : data.glom().collect()) {
    auto& texts = o.partitions.emplace_back();
    for (const T& row : part) texts.push_back(text_of(row));
  }
  return o;
}
template <class T>
outcome of(const rows<T>& all) {
  outcome o;
  auto& texts = o.partitions.emplace_back();
  for (const T& row : all) texts.push_back(text_of(row));
  return o;
}
template <class K, class V>
outcome of(const row_map<K, V>& map) {
  outcome o;
  auto& texts = o.partitions.emplace_back();
  for (const auto& row : map) texts.push_back(text_of(row));
  return o;
}
template <class T>
outcome of(const T& value) {
  return {{}, text_of(value)};
}

// ---- the named functions

std::int64_t number(std::int64_t n) { return n; }
std::int64_t number(const std::string& s) { return static_cast<std::int64_t>(s.size()); }
std::int64_t number(const text_pair& p) { return p.second; }

template <class T>
T add(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, text_pair>) return {a.first, a.second + b.second};
  else return a + b;
}

class runner {
 public:
  runner(const context& sc, const conformance_case& c)
      : sc_(sc), case_(c), words_(words_in(c["do"])) {}

  outcome run() {
    const auto type = words_in(case_["given"]).at(0);
    if (type == "int64") return run_on<std::int64_t>();
    if (type == "text") return run_on<std::string>();
    if (type == "pairs") return run_on<text_pair>();
    throw std::logic_error("no such row type: " + type);
  }

 private:
  template <class T>
  static T parse(const std::string& text) {
    if constexpr (std::is_same_v<T, std::string>) {
      return text;
    } else if constexpr (std::is_same_v<T, text_pair>) {
      const auto comma = text.find(',');
      return {text.substr(1, comma - 1), std::stoll(text.substr(comma + 1))};
    } else {
      return std::stoll(text);
    }
  }
  template <class T>
  rdd<T> dataset(const std::string& text) const {
    const auto words = words_in(text);
    if (words.size() > 1 && words[1] == "none") return sc_.empty<T>();
    std::vector<std::vector<T>> parts(1);
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (words[i] == "|") parts.emplace_back();
      else parts.back().push_back(parse<T>(words[i]));
    }
    return sc_.parallelize(parts, static_cast<int>(parts.size()))
        .flat_map([](const std::vector<T>& rows) -> const std::vector<T>& { return rows; });
  }
  int count_at(std::size_t i) const { return std::stoi(words_.at(i)); }
  bool is(const char* operation) const { return words_.at(0) == operation; }

  template <class T>
  outcome run_on() {
    const rdd<T> a = dataset<T>(case_["given"]);
    const rdd<T> b = dataset<T>(case_["with"].empty() ? "x none" : case_["with"]);
    if (auto done = row_by_row(a)) return *done;
    if (auto done = together(a, b)) return *done;
    if (auto done = actions(a)) return *done;
    if constexpr (std::is_same_v<T, std::int64_t>)
      if (auto done = numbers(a)) return *done;
    if constexpr (std::is_same_v<T, text_pair>)
      if (auto done = pairs(a, b)) return *done;
    throw std::logic_error("no such operation for these rows: " + case_["do"]);
  }

  template <class T>
  std::optional<outcome> row_by_row(const rdd<T>& a) const {
    const auto even = [](const T& row) { return number(row) % 2 == 0; };
    if (is("map")) return of(a.map([](const T& row) { return number(row) * 2; }));
    if (is("filter")) return of(a.filter(even));
    if (is("flat_map"))
      return of(a.flat_map([](const T& row) { return std::vector<T>{row, row}; }));
    if (is("key_by")) return of(a.key_by(even));
    if (is("glom")) return of(a.glom());
    if (is("map_partitions"))
      return of(a.map_partitions([](partition_rows<T>& rows) {
        return std::vector<std::int64_t>{static_cast<std::int64_t>(rows.to_rows().size())};
      }));
    if (is("map_partitions_with_index"))
      return of(a.map_partitions_with_index([](int i, partition_rows<T>& rows) {
        return std::vector<std::pair<std::int64_t, std::int64_t>>{
            {i, static_cast<std::int64_t>(rows.to_rows().size())}};
      }));
    if (is("zip_with_index")) return of(a.zip_with_index());
    if (is("zip_with_unique_id")) return of(a.zip_with_unique_id());
    if (is("coalesce")) return of(a.coalesce(count_at(1)));
    if (is("repartition")) return of(a.repartition(count_at(1)));
    if (is("pipe")) return of(a.pipe(case_["do"].substr(4)));
    if (is("sample")) return of(a.sample({.fraction = std::stod(words_.at(1))}));
    if (is("random_split")) {
      std::vector<double> weights;
      for (std::size_t i = 1; i < words_.size(); ++i) weights.push_back(std::stod(words_[i]));
      rdd<T> all = sc_.empty<T>();
      for (const auto& part : a.random_split(weights)) all = all + part;
      return of(all);
    }
    if (is("barrier")) return of(a.coalesce(1).barrier());
    if (is("cache")) return of(a.cache());
    if (is("sort_by")) {
      return of(a.sort_by([](const T& row) { return row; },
                          {.ascending = words_.size() < 2 || words_[1] != "descending"}));
    }
    if (is("group_by")) return of(a.group_by(even));
    return std::nullopt;
  }

  template <class T>
  std::optional<outcome> together(const rdd<T>& a, const rdd<T>& b) const {
    if (is("distinct")) return of(words_.size() > 1 ? a.distinct(count_at(1)) : a.distinct());
    if (is("union_with")) return of(a.union_with(b));
    if (is("intersection")) return of(a.intersection(b));
    if (is("subtract")) return of(a.subtract(b));
    if (is("cartesian")) return of(a.cartesian(b));
    if (is("zip")) return of(a.zip(b));
    if (is("zip_partitions"))
      return of(a.zip_partitions(
          [](partition_rows<T>& x, partition_rows<T>& y) {
            return std::vector<std::int64_t>{static_cast<std::int64_t>(x.to_rows().size()),
                                             static_cast<std::int64_t>(y.to_rows().size())};
          },
          b));
    return std::nullopt;
  }

  template <class T>
  std::optional<outcome> actions(const rdd<T>& a) const {
    const auto count = [](std::int64_t n, const T&) { return n + 1; };
    if (is("collect")) return of(a.collect());
    if (is("count")) return of(a.count());
    if (is("first")) return of(T(a.first()));
    if (is("take")) return of(a.take(count_at(1)));
    if (is("top")) return of(a.top(count_at(1)));
    if (is("take_ordered")) return of(a.take_ordered(count_at(1)));
    if (is("take_sample"))
      return of(static_cast<std::int64_t>(a.take_sample(false, count_at(1)).size()));
    if (is("max")) return of(T(a.max()));
    if (is("min")) return of(T(a.min()));
    if (is("is_empty")) return of(a.is_empty());
    if (is("reduce")) return of(T(a.reduce(add<T>)));
    if (is("tree_reduce")) return of(T(a.tree_reduce(add<T>, words_.size() > 1 ? count_at(1) : 2)));
    if (is("fold")) return of(T(a.fold(T(), add<T>)));
    if (is("aggregate")) return of(a.aggregate(std::int64_t{0}, count, std::plus<>{}));
    if (is("tree_aggregate")) return of(a.tree_aggregate(std::int64_t{0}, count, std::plus<>{}));
    if (is("count_by_value")) return of(a.count_by_value());
    if (is("count_approx")) return of(a.count_approx(std::chrono::minutes(1)).mean);
    if (is("collect_async")) return of(a.collect_async().get());
    if (is("count_async")) return of(a.count_async().get());
    if (is("take_async")) return of(a.take_async(count_at(1)).get());
    if (is("local_iterator")) {
      outcome o{{{}}, {}};
      for (const T& row : a.local_iterator()) o.partitions[0].push_back(text_of(row));
      return o;
    }
    const auto seen = sc_.accumulator<std::int64_t>("seen");
    if (is("for_each")) {
      a.for_each([seen](const T&) { seen += 1; });
      return of(seen.value());
    }
    if (is("for_each_partition")) {
      a.for_each_partition([seen](partition_rows<T>&) { seen += 1; });
      return of(seen.value());
    }
    if (is("count_approx_distinct")) return of(a.count_approx_distinct(std::stod(words_.at(1))));
    return std::nullopt;
  }

  std::optional<outcome> numbers(const rdd<std::int64_t>& a) const {
    if (is("sum")) return of(a.sum());
    if (is("mean")) return of(a.mean());
    if (is("variance")) return of(a.variance());
    if (is("stdev")) return of(a.stdev());
    if (is("sample_variance")) return of(a.sample_variance());
    if (is("sample_stdev")) return of(a.sample_stdev());
    if (is("histogram")) return of(a.histogram(count_at(1)));
    if (is("histogram_between")) {
      std::vector<double> edges;
      for (std::size_t i = 1; i < words_.size(); ++i) edges.push_back(std::stod(words_[i]));
      return of(a.histogram(edges));
    }
    return std::nullopt;
  }

  std::optional<outcome> pairs(const rdd<text_pair>& a, const rdd<text_pair>& b) const {
    const auto count = [](std::int64_t n, std::int64_t) { return n + 1; };
    const auto one = [](std::int64_t) { return std::int64_t{1}; };
    const auto plus = std::plus<std::int64_t>{};
    if (is("keys")) return of(a.keys());
    if (is("values")) return of(a.values());
    if (is("map_values")) return of(a.map_values([](std::int64_t n) { return n * 2; }));
    if (is("flat_map_values"))
      return of(a.flat_map_values([](std::int64_t n) { return std::vector<std::int64_t>{n, n}; }));
    if (is("reduce_by_key"))
      return of(words_.size() > 1 ? a.reduce_by_key(plus, count_at(1)) : a.reduce_by_key(plus));
    const int n = words_.size() > 1 && !is("lookup") && !is("filter_by_range") &&
                          !is("sort_by_key") && !is("sample_by_key")
                      ? count_at(1)
                      : 2;
    if (is("fold_by_key")) return of(a.fold_by_key(0, plus, n));
    if (is("aggregate_by_key")) return of(a.aggregate_by_key(std::int64_t{0}, count, plus, n));
    if (is("combine_by_key")) return of(a.combine_by_key(one, count, plus, n));
    if (is("group_by_key")) return of(a.group_by_key(n));
    if (is("cogroup")) return of(a.cogroup(b, n));
    if (is("join")) return of(a.join(b, n));
    if (is("left_outer_join")) return of(a.left_outer_join(b, n));
    if (is("right_outer_join")) return of(a.right_outer_join(b, n));
    if (is("full_outer_join")) return of(a.full_outer_join(b, n));
    if (is("subtract_by_key")) return of(a.subtract_by_key(b, n));
    if (is("sample_by_key")) {
      std::map<std::string, double> fractions;
      for (std::size_t i = 1; i < words_.size(); i += 2)
        fractions[words_[i]] = std::stod(words_.at(i + 1));
      return of(a.sample_by_key(false, fractions));
    }
    if (is("partition_by")) return of(a.partition_by(count_at(1)));
    if (is("sort_by_key"))
      return of(a.sort_by_key({.ascending = words_.size() < 2 || words_[1] != "descending"}));
    if (is("repartition_and_sort_within_partitions"))
      return of(a.repartition_and_sort_within_partitions(count_at(1)));
    if (is("filter_by_range")) return of(a.filter_by_range(words_.at(1), words_.at(2)));
    if (is("lookup")) return of(a.lookup(words_.at(1)));
    if (is("count_by_key")) return of(a.count_by_key());
    if (is("collect_as_map")) return of(a.collect_as_map());
    if (is("reduce_by_key_locally")) return of(a.reduce_by_key_locally(plus));
    return std::nullopt;
  }

  const context& sc_;
  const conformance_case& case_;
  strings words_;
};

strings all_rows(const outcome& o) {
  strings all;
  for (const auto& part : o.partitions) all.insert(all.end(), part.begin(), part.end());
  return all;
}

void check(const context& sc, const conformance_case& c) {
  if (c.keys.contains("error")) {
    const std::string why = tests::error_of<usage_error>([&] { runner(sc, c).run(); });
    EXPECT_NE(why, "") << "nothing was refused";
    EXPECT_NE(why.find(c["error"]), std::string::npos) << why;
    return;
  }
  const outcome o = runner(sc, c).run();
  if (c.keys.contains("value")) {
    EXPECT_EQ(o.value, c["value"]);
  } else if (c.keys.contains("set")) {
    strings found = all_rows(o);
    strings expected = words_in(c["set"]);
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(found, expected);
  } else if (c["rows"].find('|') != std::string::npos) {
    std::vector<strings> expected(1);
    for (const auto& word : words_in(c["rows"])) {
      if (word == "|") expected.emplace_back();
      else expected.back().push_back(word);
    }
    EXPECT_EQ(o.partitions, expected);
  } else {
    EXPECT_EQ(all_rows(o), words_in(c["rows"]));
  }
}

class Conformance : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Masters, Conformance, testing::ValuesIn(tests::masters),
                         tests::name_of_master);

TEST_P(Conformance, AllCasesHold) {
  context sc{{.name = "conformance", .master = GetParam()}};
  const auto all = read_cases();
  EXPECT_GT(all.size(), 350U);
  for (const auto& c : all) {
    SCOPED_TRACE(c.file + ".cases:" + std::to_string(c.line) + ": " + c["case"] +
                 ", do: " + c["do"]);
    ASSERT_NO_THROW(check(sc, c));
  }
}

}  // namespace
}  // namespace millrace
