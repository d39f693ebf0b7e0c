// What holds of state on disk beyond what holds of all state.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "kept_state_rig.hpp"
#include "millrace/testing.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using word_count = std::pair<std::string, std::int64_t>;

using texts = std::vector<std::vector<std::string>>;

/// The batches of one program, rows in the order in which they came.
std::vector<texts> run(const std::string& store,
                       const std::vector<std::vector<word_count>>& batches, int threads) {
  testing::stream_fixture s{{.master = "local[" + std::to_string(threads) + "]",
                             .batch = 1s,
                             .conf = {{"default.parallelism", "3"},
                                      {"streaming.state.store", store},
                                      {"streaming.state.cache", "8m"}}}};
  auto in = s.input<word_count>();
  auto totals = s.collect(in.update_state_by_key<std::int64_t>(
      [](std::span<const std::int64_t> values, std::optional<std::int64_t> before) {
        std::int64_t sum = before.value_or(0);
        for (const std::int64_t v : values) sum += v;
        return sum % 7 == 0 ? std::nullopt : std::optional(sum);
      },
      {.idle = idle::skip}));
  auto mapped = in.map_with_state<std::int64_t>(
      [](const std::string& word, const std::int64_t* value, state<std::int64_t>& of) {
        if (value == nullptr) return std::optional(word + " timed out");
        of.update(of.get_or(0) + *value);
        return of.get() > 40 ? std::optional(word + " " + std::to_string(of.get())) : std::nullopt;
      },
      {.timeout = 3s});
  auto out = s.collect(mapped);
  auto snapshots = s.collect(mapped.snapshots());
  auto window = s.collect(
      in.reduce_by_key_and_window(std::plus<>{}, std::minus<>{}, {.length = 4s, .slide = 1s},
                                  [](const word_count& w) { return w.second != 0; }));
  s.feed(in, batches);
  s.run();
  using testing::in_text;
  return {in_text(totals, false), in_text(out, false), in_text(snapshots, false),
          in_text(window, false)};
}

std::vector<std::vector<word_count>> random_batches(unsigned seed) {
  std::mt19937 chance(seed);
  std::vector<std::vector<word_count>> batches(15);
  for (auto& batch : batches)
    for (auto rows = chance() % 3000; rows != 0; --rows)
      batch.emplace_back("word " + std::to_string(chance() % 2000),
                         static_cast<std::int64_t>(1 + chance() % 20));
  return batches;
}

TEST(StateOnDisk, GivesTheSameRowsInTheSameOrder) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto batches = random_batches(seed);
    const auto expected = run("memory", batches, 1);
    EXPECT_TRUE(run("rocksdb", batches, 1) == expected);
    EXPECT_TRUE(run("rocksdb", batches, 3) == expected);
  }
}

}  // namespace
}  // namespace millrace
