// wordcount [DATA]: words in pieces of text, counted a piece, as one batch after the other.
// DATA is words (50,000 words, Zipf), words_1m or words_3m_distinct.

#include <millrace/millrace.hpp>

#include <string>
#include <string_view>
#include <unordered_map>

#include "hand/hand.hpp"
#include "measure.hpp"

namespace mr = millrace;

namespace {

auto word_counts(mr::context& sc, const std::string& file, int partitions) {
  return sc.text_file(file, partitions)
      .flat_map(mr::split(' '))
      .map([](std::string_view word) { return std::pair{word, 1}; })
      .reduce_by_key(std::plus<>{}, partitions);
}

/// Once, and in full: every word of a batch has the count that the loop by hand found.
void check(mr::context& sc, const bench::pieces& data, int partitions) {
  hand::word_counter by_hand(hand::style::plain, 1);
  by_hand.count(data.view(0));
  const auto rows = by_hand.words();
  const std::unordered_map<std::string, std::int64_t> expected(rows.begin(), rows.end());

  const auto counts = word_counts(sc, data.path(0), partitions).collect();
  bench::agree("numbers of words", static_cast<std::int64_t>(counts.size()), by_hand.distinct());
  for (const auto& [word, count] : counts) {
    const auto found = expected.find(std::string(word));
    bench::agree("counts of " + std::string(word), count,
                 found != expected.end() ? found->second : 0);
  }
}

void compare(const std::string& workload, const bench::pieces& data, int threads) {
  mr::context sc{{.name = workload, .master = "local[" + std::to_string(threads) + "]"}};
  check(sc, data, threads);

  double words = 0;
  std::int64_t expected = 0;
  hand::word_counter plain(hand::style::plain, threads);
  for (std::size_t i = 0; i < data.size(); ++i) {
    words += static_cast<double>(hand::words_in(data.view(i)));
    plain.count(data.view(i));
    expected += plain.distinct();
  }
  // Runs all pieces; `count_piece` gives a piece's number of different words.
  const auto millions_a_second = [&](const auto& count_piece) {
    const bench::stopwatch time;
    std::int64_t distinct = 0;
    for (std::size_t i = 0; i < data.size(); ++i) distinct += count_piece(i);
    const double seconds = time.seconds();
    bench::agree("numbers of words", distinct, expected);
    return std::vector<double>{words / seconds / 1e6};
  };
  const auto by_hand = [&](hand::word_counter& counter) {
    return millions_a_second([&](std::size_t i) {
      counter.count(data.view(i));
      return counter.distinct();
    });
  };

  const std::string plain_name = bench::on_threads("handwritten C++ plain", threads);
  const std::string tuned_name = bench::on_threads("handwritten C++ tuned", threads);
  // The tuned table has room for the small vocabulary only.
  const bool has_tuned = workload == "wordcount";

  bench::contest contest(workload, {{"throughput", "M words/s"}});
  contest.add(plain_name, [&] { return by_hand(plain); });
  hand::word_counter tuned(hand::style::tuned, threads);
  if (has_tuned) contest.add(tuned_name, [&] { return by_hand(tuned); });
  contest.add(
      bench::on_threads("millrace", threads),
      [&] {
        return millions_a_second(
            [&](std::size_t i) { return word_counts(sc, data.path(i), threads).count(); });
      },
      has_tuned ? std::vector{plain_name, tuned_name} : std::vector{plain_name});
  contest.run();
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_program([&] {
    const std::string name = argc > 1 ? argv[1] : "words";
    const bench::pieces data(name);
    const std::string workload = "wordcount" + name.substr(std::string("words").size());
    compare(workload, data, 2);
    compare(workload, data, 1);
  });
}
