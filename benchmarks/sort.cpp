// sort: 10 M pairs of integers by key, on two threads; beside it std::sort on one, in place, the
// copy it sorts made before its time runs.

#include <millrace/millrace.hpp>

#include <algorithm>

#include "hand/hand.hpp"
#include "measure.hpp"
#include "random_pairs.hpp"

namespace mr = millrace;

namespace {

constexpr std::size_t size = 10'000'000;

void check(const mr::rdd<bench::pair_row>& pairs, std::vector<bench::pair_row> rows) {
  hand::sort_by_key(rows);
  const auto sorted = pairs.sort_by_key({.partitions = 2}).collect();
  bench::agree("numbers of rows", static_cast<std::int64_t>(sorted.size()),
               static_cast<std::int64_t>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    bench::agree("keys", sorted[i].first, rows[i].first);
  }
}

}  // namespace

int main() {
  return bench::run_program([] {
    const auto rows = bench::random_pairs(size, std::uint64_t{1} << 62);
    mr::context sc{{.name = "sort", .master = "local[2]"}};
    const auto pairs = sc.parallelize(rows, 2);
    check(pairs, rows);

    const auto millions_a_second = [](double seconds) {
      return std::vector<double>{static_cast<double>(size) / seconds / 1e6};
    };
    const std::string by_hand = "std::sort 1t";
    bench::contest contest("sort", {{"throughput", "M rows/s"}});
    contest.add(by_hand, [&] {
      auto copy = rows;
      const bench::stopwatch time;
      hand::sort_by_key(copy);
      return millions_a_second(time.seconds());
    });
    contest.add("millrace 2t",
                [&] {
                  const bench::stopwatch time;
                  const auto sorted = pairs.sort_by_key({.partitions = 2}).count();
                  const double seconds = time.seconds();
                  bench::agree("numbers of rows", sorted, static_cast<std::int64_t>(size));
                  return millions_a_second(seconds);
                },
                {by_hand});
    contest.run();
  });
}
