// integer_keys: the same counts under three kinds of keys: short text, an integer, a small struct.
// Rows are in memory and only reduced, so the difference is the key's. Neither of the latter two
// may cost more a row than text.

#include <millrace/millrace.hpp>

#include <string>
#include <string_view>
#include <unordered_map>

#include "hand/hand.hpp"
#include "measure.hpp"
#include "random_pairs.hpp"

namespace mr = millrace;

namespace {

struct place {
  std::int32_t shelf;
  std::int32_t box;

  friend bool operator==(const place&, const place&) = default;
};

struct rows {
  std::vector<std::pair<std::string_view, int>> text;
  std::vector<std::pair<std::int64_t, int>> integer;
  std::vector<std::pair<place, int>> structure;
};

/// A row for each word of the text, three times with another key of the same identity.
rows make_rows(std::string_view text) {
  rows made;
  std::unordered_map<std::string_view, std::uint64_t> numbers;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(" \n");
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end + 1);
    const std::uint64_t number = numbers.try_emplace(word, numbers.size()).first->second;
    const std::uint64_t id = bench::spread(number);
    made.text.emplace_back(word, 1);
    made.integer.emplace_back(static_cast<std::int64_t>(id), 1);
    made.structure.push_back(
        {{static_cast<std::int32_t>(number >> 8), static_cast<std::int32_t>(number & 0xff)}, 1});
  }
  return made;
}

}  // namespace

int main() {
  return bench::run_program([] {
    const bench::pieces data("words");
    const rows made = make_rows(data.view(0));
    const std::int64_t expected = hand::sum_by_key(made.text);
    const auto nanoseconds_a_row = [&](const auto& count_keys) {
      const bench::stopwatch time;
      const std::int64_t keys = count_keys();
      const double seconds = time.seconds();
      bench::agree("numbers of keys", keys, expected);
      return std::vector<double>{seconds * 1e9 / static_cast<double>(made.text.size())};
    };
    const auto by_millrace = [&](const auto& pairs) {
      return nanoseconds_a_row([&] { return pairs.reduce_by_key(std::plus<>{}, 1).count(); });
    };

    mr::context sc{{.name = "integer_keys", .master = "local[1]"}};
    const auto text = sc.parallelize(made.text, 1);
    const auto integer = sc.parallelize(made.integer, 1);
    const auto structure = sc.parallelize(made.structure, 1);
    const std::string text_by_hand = "hash map by hand, text keys 1t";
    const std::string integer_by_hand = "hash map by hand, integer keys 1t";
    const std::string text_keys = "millrace, text keys 1t";

    bench::contest contest("integer_keys", {{"time", "ns/row", bench::better::lower}});
    contest.add(text_by_hand,
                [&] { return nanoseconds_a_row([&] { return hand::sum_by_key(made.text); }); });
    contest.add(integer_by_hand,
                [&] { return nanoseconds_a_row([&] { return hand::sum_by_key(made.integer); }); });
    contest.add(text_keys, [&] { return by_millrace(text); }, {text_by_hand});
    contest.add("millrace, integer keys 1t", [&] { return by_millrace(integer); },
                {text_keys, integer_by_hand});
    contest.add("millrace, struct keys 1t", [&] { return by_millrace(structure); }, {text_keys});
    contest.run();
  });
}
