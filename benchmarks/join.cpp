// join: 5 M pairs with 1 M by key, each key once on the right, on two threads; beside it a hash
// map of the right side, probed by the left, on one.

#include <millrace/millrace.hpp>

#include "hand/hand.hpp"
#include "measure.hpp"
#include "random_pairs.hpp"

namespace mr = millrace;

namespace {

constexpr std::size_t left_size = 5'000'000;
constexpr std::uint64_t keys = 1'000'000;

void check(const mr::rdd<bench::pair_row>& left, const mr::rdd<bench::pair_row>& right,
           const hand::joined& expected) {
  using row = std::pair<std::int64_t, std::pair<std::int64_t, std::int64_t>>;
  const std::int64_t sum = left.join(right, 2)
                               .map([](const row& r) { return r.second.first + r.second.second; })
                               .fold(std::int64_t{0}, std::plus<>{});
  bench::agree("sums of the values", sum, expected.sum);
}

}  // namespace

int main() {
  return bench::run_program([] {
    const auto left_rows = bench::random_pairs(left_size, keys);
    const auto right_rows = bench::each_key_once(keys);
    const auto expected = hand::join(left_rows, right_rows);
    mr::context sc{{.name = "join", .master = "local[2]"}};
    const auto left = sc.parallelize(left_rows, 2);
    const auto right = sc.parallelize(right_rows, 2);
    check(left, right, expected);

    const auto millions_a_second = [&](const auto& count_rows) {
      const bench::stopwatch time;
      const std::int64_t rows = count_rows();
      const double seconds = time.seconds();
      bench::agree("numbers of rows", rows, expected.rows);
      return std::vector<double>{static_cast<double>(left_size) / seconds / 1e6};
    };
    const std::string by_hand = "hash map by hand 1t";
    bench::contest contest("join", {{"throughput", "M rows/s"}});
    contest.add(by_hand, [&] {
      return millions_a_second([&] { return hand::join(left_rows, right_rows).rows; });
    });
    contest.add("millrace 2t",
                [&] { return millions_a_second([&] { return left.join(right, 2).count(); }); },
                {by_hand});
    contest.run();
  });
}
