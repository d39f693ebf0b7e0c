// group: 10 M pairs in 1 M keys, each key's values in a vector, on two threads; beside it a hash
// map of vectors on one.

#include <millrace/millrace.hpp>

#include <algorithm>

#include "hand/hand.hpp"
#include "measure.hpp"
#include "random_pairs.hpp"

namespace mr = millrace;

namespace {

constexpr std::size_t size = 10'000'000;
constexpr std::uint64_t keys = 1'000'000;

void check(const mr::rdd<bench::pair_row>& pairs, const hand::grouped& expected) {
  std::int64_t rows = 0;
  std::int64_t largest = 0;
  const auto sizes = pairs.group_by_key(2)
                         .map([](const std::pair<std::int64_t, std::vector<std::int64_t>>& group) {
                           return static_cast<std::int64_t>(group.second.size());
                         })
                         .collect();
  for (const std::int64_t values : sizes) {
    rows += values;
    largest = std::max(largest, values);
  }
  bench::agree("numbers of rows", rows, static_cast<std::int64_t>(size));
  bench::agree("numbers of groups", static_cast<std::int64_t>(sizes.size()), expected.groups);
  bench::agree("largest groups", largest, expected.largest);
}

}  // namespace

int main() {
  return bench::run_program([] {
    const auto rows = bench::random_pairs(size, keys);
    const auto expected = hand::group_by_key(rows);
    mr::context sc{{.name = "group", .master = "local[2]"}};
    const auto pairs = sc.parallelize(rows, 2);
    check(pairs, expected);

    const auto millions_a_second = [&](const auto& count_groups) {
      const bench::stopwatch time;
      const std::int64_t groups = count_groups();
      const double seconds = time.seconds();
      bench::agree("numbers of groups", groups, expected.groups);
      return std::vector<double>{static_cast<double>(size) / seconds / 1e6};
    };
    const std::string by_hand = "hash map by hand 1t";
    bench::contest contest("group", {{"throughput", "M rows/s"}});
    contest.add(by_hand,
                [&] { return millions_a_second([&] { return hand::group_by_key(rows).groups; }); });
    contest.add("millrace 2t",
                [&] { return millions_a_second([&] { return pairs.group_by_key(2).count(); }); },
                {by_hand});
    contest.run();
  });
}
