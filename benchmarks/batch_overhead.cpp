// batch_overhead: 1,000 words a micro-batch through the whole of streaming, waiting for the clock
// aside: job generation, scheduling, two partitions with a shuffle, output, clean-up.

#include <millrace/testing.hpp>

#include <chrono>
#include <string>
#include <string_view>

#include "hand/hand.hpp"
#include "measure.hpp"

namespace mr = millrace;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t batches = 2'000;
constexpr std::size_t lines_a_batch = 100;  // of 10 words

/// The first `batches` runs of `lines_a_batch` lines.
std::vector<std::string_view> cut_batches(std::string_view text) {
  std::vector<std::string_view> cut;
  while (cut.size() < batches) {
    std::size_t end = 0;
    for (std::size_t i = 0; i < lines_a_batch; ++i) end = text.find('\n', end) + 1;
    cut.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return cut;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

/// Runs every batch; gives the percentiles of their times, in microseconds.
template <class Batch>
std::vector<double> time_each(const std::vector<std::string_view>& texts, const Batch& batch) {
  std::vector<double> times;
  for (const auto text : texts) times.push_back(batch(text) * 1e6);
  return {bench::percentile(times, 0.5), bench::percentile(times, 0.99)};
}

std::vector<double> by_hand(hand::word_counter& counter,
                            const std::vector<std::string_view>& texts) {
  return time_each(texts, [&](std::string_view text) {
    const bench::stopwatch time;
    counter.count(text);
    return time.seconds();
  });
}

std::vector<double> by_streaming(const std::vector<std::string_view>& texts,
                                 std::int64_t expected) {
  mr::testing::stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto lines = s.input<std::string_view>();
  std::int64_t distinct = 0;
  lines.flat_map(mr::split(' '))
      .map([](std::string_view word) { return std::pair{word, 1}; })
      .reduce_by_key(std::plus<>{}, 2)
      .for_each_rdd([&](const mr::rdd<std::pair<std::string_view, int>>& counts) {
        distinct += counts.count();
      });
  auto percentiles = time_each(texts, [&](std::string_view text) {
    s.feed(lines, {lines_of(text)});
    const bench::stopwatch time;
    s.run();
    return time.seconds();
  });
  bench::agree("numbers of words", distinct, expected);
  return percentiles;
}

}  // namespace

int main() {
  return bench::run_program([] {
    const bench::pieces data("words");
    const auto texts = cut_batches(data.view(0));
    hand::word_counter plain_1(hand::style::plain, 1);
    hand::word_counter plain_2(hand::style::plain, 2);
    hand::word_counter tuned_1(hand::style::tuned, 1);
    hand::word_counter tuned_2(hand::style::tuned, 2);
    std::int64_t expected = 0;
    for (const auto text : texts) {
      plain_1.count(text);
      expected += plain_1.distinct();
    }

    bench::contest contest("batch_overhead", {{"p50", "us/batch", bench::better::lower},
                                              {"p99", "us/batch", bench::better::lower}});
    contest.add("handwritten C++ plain 1t", [&] { return by_hand(plain_1, texts); });
    contest.add("handwritten C++ plain 2t", [&] { return by_hand(plain_2, texts); });
    contest.add("handwritten C++ tuned 1t", [&] { return by_hand(tuned_1, texts); });
    contest.add("handwritten C++ tuned 2t", [&] { return by_hand(tuned_2, texts); });
    contest.add("millrace 2t", [&] { return by_streaming(texts, expected); },
                {"handwritten C++ plain 1t", "handwritten C++ tuned 1t"});
    contest.run();
  });
}
