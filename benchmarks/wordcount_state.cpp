// wordcount_state: running totals of all words so far, 44 k of them. A batch is 20 MB of text.

#include <millrace/testing.hpp>

#include <string_view>

#include "hand/hand.hpp"
#include "measure.hpp"

namespace mr = millrace;

namespace {

using namespace std::chrono_literals;

std::vector<double> by_hand(hand::style how, const bench::pieces& data, std::int64_t words,
                            std::int64_t& distinct) {
  hand::word_keeper keeper(how, 2, 0);
  const bench::stopwatch time;
  for (std::size_t i = 0; i < data.size(); ++i) keeper.count(data.view(i));
  const double seconds = time.seconds();
  distinct = keeper.distinct();
  return {static_cast<double>(words) / seconds / 1e6};
}

std::vector<double> by_streaming(const bench::pieces& data, std::int64_t words,
                                 std::int64_t expected) {
  mr::testing::stream_fixture s{{.master = "local[2]", .batch = 1s}};
  mr::rdd_queue<std::string_view> queue;
  for (std::size_t i = 0; i < data.size(); ++i) queue.push(s.context().text_file(data.path(i), 2));
  std::int64_t distinct = 0;
  s.streaming()
      .queue_stream(queue)
      .flat_map(mr::split(' '))
      .map([](std::string_view word) { return std::pair{word, std::int64_t{1}}; })
      .reduce_by_key(std::plus<>{}, 2)
      .update_state_by_key<std::int64_t>(
          [](std::span<const std::int64_t> counts, std::optional<std::int64_t> before) {
            std::int64_t total = before.value_or(0);
            for (const std::int64_t count : counts) total += count;
            return std::optional(total);
          },
          {.partitions = 2, .idle = mr::idle::skip})
      .for_each_rdd([&](const mr::rdd<std::pair<std::string_view, std::int64_t>>& totals) {
        distinct = totals.count();
      });
  const bench::stopwatch time;
  s.advance(static_cast<int>(data.size()));
  const double seconds = time.seconds();
  bench::agree("numbers of words", distinct, expected);
  return {static_cast<double>(words) / seconds / 1e6};
}

}  // namespace

int main() {
  return bench::run_program([] {
    const bench::pieces data("words");
    std::int64_t words = 0;
    for (std::size_t i = 0; i < data.size(); ++i) words += hand::words_in(data.view(i));
    std::int64_t distinct = 0;
    bench::contest contest("wordcount_state", {{"throughput", "M words/s", bench::better::higher}});
    contest.add("handwritten C++ plain 2t",
                [&] { return by_hand(hand::style::plain, data, words, distinct); });
    contest.add("handwritten C++ tuned 2t",
                [&] { return by_hand(hand::style::tuned, data, words, distinct); });
    contest.add("millrace 2t",
                [&] {
                  if (distinct == 0) by_hand(hand::style::plain, data, words, distinct);
                  return by_streaming(data, words, distinct);
                },
                {"handwritten C++ plain 2t", "handwritten C++ tuned 2t"});
    contest.run();
  });
}
