// wordcount_window: the words of the last 30 batches, a batch of 1 M words, sliding by one; with an
// inverse, without one, and over 300 batches of a tenth of the words each.

#include <millrace/testing.hpp>

#include <algorithm>
#include <string_view>

#include "hand/hand.hpp"
#include "measure.hpp"

namespace mr = millrace;

namespace {

using namespace std::chrono_literals;
using counts = mr::dstream<std::pair<std::string_view, std::int64_t>>;

constexpr int measured = 30;

/// Pieces of so many lines of ten words; the text is used again when it is at its end.
std::vector<std::string_view> cut_batches(const bench::pieces& data, std::size_t lines,
                                          std::size_t count) {
  std::vector<std::string_view> cut;
  for (std::size_t i = 0; cut.size() < count; i = (i + 1) % data.size()) {
    std::string_view text = data.view(i);
    while (cut.size() < count) {
      std::size_t end = 0;
      for (std::size_t line = 0; line < lines && end != std::string_view::npos; ++line)
        end = text.find('\n', end == 0 ? 0 : end + 1);
      if (end == std::string_view::npos) break;
      cut.push_back(text.substr(0, end + 1));
      text.remove_prefix(end + 1);
    }
  }
  return cut;
}

/// Percentiles of the batches after the first `warm`, in milliseconds.
template <class Batch>
std::vector<double> time_each(const std::vector<std::string_view>& texts, std::size_t warm,
                              const Batch& batch) {
  std::vector<double> times;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const bench::stopwatch time;
    batch(texts[i]);
    if (i >= warm) times.push_back(time.seconds() * 1e3);
  }
  return {bench::percentile(times, 0.5), bench::percentile(times, 0.99)};
}

std::vector<double> by_hand(hand::style how, const std::vector<std::string_view>& texts, int window,
                            std::int64_t& distinct) {
  hand::word_keeper keeper(how, 2, window);
  auto result = time_each(texts, static_cast<std::size_t>(window),
                          [&](std::string_view text) { keeper.count(text); });
  distinct = keeper.distinct();
  return result;
}

/// Text as the blocks of a file are: rows that are cut by the engine.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<double> by_streaming(const std::vector<std::string_view>& texts, int window,
                                 bool inverse, std::int64_t expected) {
  mr::testing::stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto lines = s.input<std::string_view>();
  const counts words = lines.flat_map(mr::split(' ')).map([](std::string_view word) {
    return std::pair{word, std::int64_t{1}};
  });
  const mr::window w{.length = std::chrono::seconds(window)};
  const auto there = [](const std::pair<std::string_view, std::int64_t>& row) {
    return row.second != 0;
  };
  const counts totals =
      inverse ? words.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, w, there, 2)
              : words.reduce_by_key_and_window(std::plus<>{}, w, 2);
  std::int64_t distinct = 0;
  totals.for_each_rdd([&](const mr::rdd<std::pair<std::string_view, std::int64_t>>& batch) {
    distinct = batch.count();
  });
  std::vector<double> times;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    s.feed(lines, {lines_of(texts[i])});
    const bench::stopwatch time;
    s.run();
    if (i >= static_cast<std::size_t>(window)) times.push_back(time.seconds() * 1e3);
  }
  bench::agree("numbers of words", distinct, expected);
  return {bench::percentile(times, 0.5), bench::percentile(times, 0.99)};
}

void run(const std::string& name, const bench::pieces& data, std::size_t lines, int window) {
  const auto texts = cut_batches(data, lines, static_cast<std::size_t>(window + measured));
  std::int64_t distinct = 0;
  by_hand(hand::style::plain, texts, window, distinct);
  bench::contest contest(
      name, {{"p50", "ms/batch", bench::better::lower}, {"p99", "ms/batch", bench::better::lower}});
  contest.add("handwritten C++ plain 2t",
              [&] { return by_hand(hand::style::plain, texts, window, distinct); });
  contest.add("handwritten C++ tuned 2t",
              [&] { return by_hand(hand::style::tuned, texts, window, distinct); });
  contest.add("millrace with an inverse 2t",
              [&] { return by_streaming(texts, window, true, distinct); },
              {"handwritten C++ plain 2t", "handwritten C++ tuned 2t"});
  contest.add("millrace without an inverse 2t",
              [&] { return by_streaming(texts, window, false, distinct); },
              {"handwritten C++ plain 2t"});
  contest.run();
}

}  // namespace

int main() {
  return bench::run_program([] {
    const bench::pieces data("words");
    run("wordcount_window", data, 100'000, 30);
    run("window_30_slides", data, 10'000, 30);
    run("window_300_slides", data, 10'000, 300);
  });
}
