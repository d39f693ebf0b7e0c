// Runs the cases of tests/conformance/*.batches: the format is described at their top.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "millrace/error.hpp"
#include "millrace/testing.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using testing::stream_fixture;
using texts = std::vector<std::string>;
using text_int = std::pair<std::string, int>;
using text_text = std::pair<std::string, std::string>;

texts split_at(const std::string& text, const std::string& mark) {
  texts parts;
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find(mark, begin)) != std::string::npos;
       begin = end + mark.size())
    parts.push_back(text.substr(begin, end - begin));
  parts.push_back(text.substr(begin));
  return parts;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string::npos ? std::string()
                                    : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

struct conformance_case {
  std::string file, name;
  texts operation;  // words
  texts inputs;     // types
  std::string initial;
  std::vector<texts> batches;  // a text for each input
  std::map<int, texts> out;    // rows in order of their text
  bool refused = false;
  bool two_partitions = false;

  /// The value of `name=value`; else `otherwise`.
  int option(const std::string& wanted, int otherwise) const {
    for (const std::string& word : operation)
      if (word.rfind(wanted + "=", 0) == 0) return std::stoi(word.substr(wanted.size() + 1));
    return otherwise;
  }
  bool has(const std::string& word) const {
    return std::find(operation.begin(), operation.end(), word) != operation.end();
  }
  millrace::window window() const { return {option("window", 0) * 1s, option("slide", 0) * 1s}; }
};

std::vector<conformance_case> read_cases() {
  std::vector<conformance_case> all;
  const std::filesystem::path directory =
      std::filesystem::path(MILLRACE_TEST_DIRECTORY) / "conformance";
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".batches") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string what;
      words >> what;
      std::string rest;
      std::getline(words, rest);
      rest = trimmed(rest);
      if (what.empty() || what[0] == '#') continue;
      if (what == "case") {
        all.emplace_back();
        all.back().file = entry.path().filename();
        all.back().name = rest;
        continue;
      }
      conformance_case& c = all.back();
      if (what == "operation") {
        for (const std::string& word : split_at(rest, " ")) c.operation.push_back(word);
      } else if (what == "input") {
        c.inputs.push_back(rest);
      } else if (what == "initial") {
        c.initial = rest;
      } else if (what == "in") {
        c.batches.push_back(split_at(rest, "//"));
      } else if (what == "out") {
        const auto colon = rest.find(':');
        const std::string rows = trimmed(rest.substr(colon + 1));
        c.out[std::stoi(rest)] = rows.empty() ? texts() : split_at(rows, " | ");
      } else if (what == "two") {
        c.two_partitions = true;
      } else if (what == "refused") {
        c.refused = true;
      } else if (line != "by hand") {
        ADD_FAILURE() << c.file << ": " << line;
      }
    }
  }
  return all;
}

void parse(const std::string& text, int& row) { row = std::stoi(text); }
void parse(const std::string& text, std::string& row) { row = text; }
template <class V>
void parse(const std::string& text, std::pair<std::string, V>& row) {
  const auto comma = text.find(',');
  row.first = text.substr(1, comma - 1);
  parse(text.substr(comma + 1, text.size() - comma - 2), row.second);
}
template <class T>
std::vector<T> parse_rows(const std::string& text) {
  std::vector<T> rows;
  if (trimmed(text).empty()) return rows;
  for (const std::string& one : split_at(trimmed(text), " | ")) parse(one, rows.emplace_back());
  return rows;
}

/// One case being run.
class runner {
 public:
  explicit runner(const conformance_case& c) : case_(c) {}

  void run() {
    if (case_.inputs.size() == 2 && case_.inputs[0] == "int") {
      const auto a = input<int>(0);
      two_of_rows(a, input<int>(1));
    } else if (case_.inputs.size() == 2) {
      const auto a = input<text_int>(0);
      two_of_pairs(a, input<text_text>(1));
    } else if (case_.inputs[0] == "int") {
      rows(widened(input<int>(0)));
    } else if (case_.inputs[0] == "text") {
      collect(input<std::string>(0).count_by_value_and_window(case_.window()));
    } else if (case_.inputs[0] == "(text,text)") {
      const auto concat = [](const std::string& a, const std::string& b) { return a + b; };
      collect(input<text_text>(0).reduce_by_key_and_window(concat, case_.window()));
    } else {
      pairs(widened(input<text_int>(0)));
    }
    s_.run();
    if (!when_over_.empty()) seen_[static_cast<int>(case_.batches.size())] = when_over_[0]();
    EXPECT_EQ(seen_, case_.out);
  }

 private:
  template <class T>
  dstream<T> input(std::size_t side) {
    auto stream = s_.input<T>();
    stream.for_each_rdd([](const rdd<T>&) {});  // the clock goes on, whatever the case asks for
    std::vector<std::vector<T>> batches;
    for (const texts& batch : case_.batches)
      batches.push_back(side < batch.size() ? parse_rows<T>(batch[side]) : std::vector<T>());
    s_.feed(stream, batches);
    return stream;
  }
  /// `of=2`: a parent that slides by two batches.
  template <class T>
  dstream<T> widened(const dstream<T>& stream) {
    const int by = case_.option("of", 1);
    return by == 1 ? stream : stream.window({by * 1s, by * 1s});
  }
  template <class T>
  void collect(const dstream<T>& stream) {
    stream.for_each_rdd([this](const rdd<T>& batch, batch_time time) {
      seen_[static_cast<int>(time.time_since_epoch() / 1s)] = printed(batch);
    });
  }
  template <class T>
  static texts printed(const rdd<T>& batch) {
    texts all;
    for (const T& row : batch.collect())
      detail::print_row(detail::row_type_of<T>(), &row, all.emplace_back());
    std::sort(all.begin(), all.end());
    return all;
  }

  void rows(const dstream<int>& in) {
    const std::string& what = case_.operation[0];
    const auto sum = [](partition_rows<int>& rows) {
      int total = 0;
      for (const int x : rows) total += x;
      return std::vector<int>{total};
    };
    const auto with_index = [](int i, partition_rows<int>& rows) {
      std::vector<std::pair<int, int>> all;
      for (const int x : rows) all.emplace_back(i, x);
      return all;
    };
    const millrace::window w = case_.window();
    if (what == "map") collect(in.map([](int x) { return 2 * x; }));
    else if (what == "filter") collect(in.filter([](int x) { return x % 2 == 0; }));
    else if (what == "flat_map")
      collect(
          in.flat_map([](int x) { return std::vector<int>(static_cast<std::size_t>(x % 4), x); }));
    else if (what == "key_by") collect(in.key_by([](int x) { return x % 2; }));
    else if (what == "count") collect(in.count());
    else if (what == "reduce") collect(in.reduce(std::plus<>{}));
    else if (what == "count_by_value") collect(in.count_by_value());
    else if (what == "glom") collect(in.glom());
    else if (what == "map_partitions") collect(in.map_partitions(sum));
    else if (what == "map_partitions_with_index") collect(in.map_partitions_with_index(with_index));
    else if (what == "repartition") collect(in.repartition(std::stoi(case_.operation[1])));
    else if (what == "transform" && case_.has("sorted"))
      collect(in.transform([](const rdd<int>& r) { return r.sort_by([](int x) { return x; }); }));
    else if (what == "transform")
      collect(in.transform([](const rdd<int>& r) { return r.distinct(); }));
    else if (what == "window") collect(in.window(w));
    else if (what == "count_by_window") collect(in.count_by_window(w));
    else if (what == "reduce_by_window" && case_.has("minus"))
      collect(in.reduce_by_window(std::plus<>{}, std::minus<>{}, w));
    else if (what == "reduce_by_window") collect(in.reduce_by_window(std::plus<>{}, w));
    else if (what == "slice") slice(in);
    else ADD_FAILURE() << "no such operation: " << what;
  }
  void slice(const dstream<int>& in) {
    s_.streaming().remember(1h);
    when_over_.push_back([this, in] {
      texts all;
      const auto time = [&](std::size_t i) {
        return batch_time(std::stoi(case_.operation[i]) * 1s);
      };
      for (const auto& one : in.slice(time(1), time(2)))
        for (const std::string& row : printed(one)) all.push_back(row);
      return all;
    });
  }

  void pairs(const dstream<text_int>& in) {
    const std::string& what = case_.operation[0];
    const millrace::window w = case_.window();
    const auto not_zero = [](const text_int& row) { return row.second != 0; };
    if (what == "map_values") collect(in.map_values([](int v) { return 2 * v; }));
    else if (what == "flat_map_values")
      collect(in.flat_map_values([](int v) { return std::vector<int>{v, v}; }));
    else if (what == "reduce_by_key") collect(in.reduce_by_key(std::plus<>{}));
    else if (what == "group_by_key") collect(in.group_by_key());
    else if (what == "combine_by_key") combine(in);
    else if (what == "partition_by") collect(in.partition_by(std::stoi(case_.operation[1])));
    else if (what == "group_by_key_and_window") collect(in.group_by_key_and_window(w));
    else if (what == "reduce_by_key_and_window" && case_.has("not_zero"))
      collect(in.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, w, not_zero));
    else if (what == "reduce_by_key_and_window" && case_.has("minus"))
      collect(in.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, w));
    else if (what == "reduce_by_key_and_window")
      collect(in.reduce_by_key_and_window(std::plus<>{}, w));
    else if (what == "update_state_by_key") update(in);
    else if (what == "map_with_state" || what == "snapshots") map_with_state(in);
    else ADD_FAILURE() << "no such operation: " << what;
  }
  void combine(const dstream<text_int>& in) {
    using sum_and_count = std::pair<int, int>;
    collect(in.combine_by_key(
        [](int v) { return sum_and_count(v, 1); },
        [](const sum_and_count& c, int v) { return sum_and_count(c.first + v, c.second + 1); },
        [](const sum_and_count& a, const sum_and_count& b) {
          return sum_and_count(a.first + b.first, a.second + b.second);
        }));
  }
  std::optional<rdd<text_int>> initial() {
    if (case_.initial.empty()) return std::nullopt;
    return s_.context().parallelize(parse_rows<text_int>(case_.initial));
  }
  void update(const dstream<text_int>& in) {
    const bool forget = case_.has("forget_idle");
    const std::size_t most = case_.has("last_two") ? 2 : SIZE_MAX;
    collect(in.update_state_by_key<int>(
        [=](std::span<const int> values, std::optional<int> before) -> std::optional<int> {
          if (forget && values.empty()) return std::nullopt;
          if (most == 2 && values.empty()) return before;
          int sum = most == 2 ? 0 : before.value_or(0);
          for (const int v : values.last(std::min(most, values.size()))) sum += v;
          return sum;
        },
        {.initial = initial()}));
  }
  void map_with_state(const dstream<text_int>& in) {
    // The running total after each row; negative when the key times out.
    auto totals = in.map_with_state<int>(
        [](const std::string& key, const int* v, state<int>& total) {
          if (v == nullptr) return text_int(key, -total.get());
          total.update(total.get_or(0) + *v);
          return text_int(key, total.get());
        },
        {.initial = initial(), .timeout = case_.option("timeout", 0) * 1s});
    if (case_.operation[0] == "snapshots") collect(totals.snapshots());
    else collect(totals);
  }

  void two_of_rows(const dstream<int>& a, const dstream<int>& b) {
    if (case_.operation[0] == "union_with") collect(a.union_with(b));
    else
      collect(
          a.transform_with(b, [](const rdd<int>& x, const rdd<int>& y) { return x.subtract(y); }));
  }
  void two_of_pairs(const dstream<text_int>& a, const dstream<text_text>& b) {
    const std::string& what = case_.operation[0];
    if (what == "join") collect(a.join(b));
    else if (what == "left_outer_join") collect(a.left_outer_join(b));
    else if (what == "right_outer_join") collect(a.right_outer_join(b));
    else if (what == "full_outer_join") collect(a.full_outer_join(b));
    else if (what == "cogroup") collect(a.cogroup(b));
    else ADD_FAILURE() << "no such operation: " << what;
  }

  const conformance_case& case_;
  stream_fixture s_{{.master = "local[2]",
                     .batch = 1s,
                     .conf = {{"default.parallelism", case_.two_partitions ? "2" : "1"}}}};
  std::map<int, texts> seen_;
  std::vector<std::function<texts()>> when_over_;
};

TEST(StreamConformance, all_cases) {
  const std::vector<conformance_case> cases = read_cases();
  EXPECT_GT(cases.size(), 100U);
  for (const conformance_case& one : cases) {
    SCOPED_TRACE(one.file + ": " + one.name);
    try {
      runner(one).run();
      EXPECT_FALSE(one.refused);
    } catch (const std::exception& e) {
      EXPECT_TRUE(one.refused) << e.what();
    }
  }
}

}  // namespace
}  // namespace millrace
