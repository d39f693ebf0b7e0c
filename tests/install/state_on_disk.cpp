#include <millrace/testing.hpp>

using namespace std::chrono_literals;

int main() {
  millrace::testing::stream_fixture s{
      {.batch = 1s, .conf = {{"streaming.state.store", "rocksdb"}}}};
  auto words = s.input<std::pair<std::string, int>>();
  auto totals = s.collect(
      words.update_state_by_key<int>([](std::span<const int> ones, std::optional<int> before) {
        return std::optional(before.value_or(0) + static_cast<int>(ones.size()));
      }));
  s.feed(words, {{{"a", 1}, {"a", 1}}, {{"a", 1}}});
  s.run();
  return totals.batches().back().front().second == 3 ? 0 : 1;
}
