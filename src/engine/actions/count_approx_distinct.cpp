// count_approx_distinct: HyperLogLog, Flajolet and others 2007, with Ertl's estimator (2017), which
// needs no tables of corrections.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "engine/actions/drain.hpp"
#include "millrace/detail/base/hash.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

/// 2^bits counters: each has the longest run of zeros that its share of the hashes began with.
class sketch {
 public:
  sketch(const row_type& rows, int bits)
      : rows_(rows), bits_(bits), longest_(std::size_t{1} << bits) {}

  static flow push(void* self, const chunk& rows) {
    auto& me = *static_cast<sketch*>(self);
    const char* row = static_cast<const char*>(rows.rows);
    for (std::uint32_t i = 0; i < rows.count; ++i, row += me.rows_.size)
      // A type's own std::hash may be no more than the number itself.
      me.add(mix(hash_row(me.rows_, row) ^ hash_constant_0, hash_constant_1));
    return flow::more;
  }
  void merge(const sketch& other) {
    for (std::size_t i = 0; i < longest_.size(); ++i)
      longest_[i] = std::max(longest_[i], other.longest_[i]);
  }
  double estimate() const {
    const int most = 64 - bits_ + 1;
    std::vector<double> having(static_cast<std::size_t>(most) + 1);
    for (const auto run : longest_) ++having[run];
    const auto m = static_cast<double>(longest_.size());
    double z = m * tau(1 - having.back() / m);
    for (int run = most - 1; run > 0; --run) z = (z + having[static_cast<std::size_t>(run)]) / 2;
    z += m * sigma(having[0] / m);
    return m * m / (2 * std::log(2.0) * z);
  }

 private:
  void add(std::uint64_t hash) {
    // A one behind the bits ends the longest run there can be.
    const std::uint64_t rest = hash << bits_ | std::uint64_t{1} << (bits_ - 1);
    auto& longest = longest_[hash >> (64 - bits_)];
    longest = std::max(longest, static_cast<std::uint8_t>(std::countl_zero(rest) + 1));
  }
  /// Counters that nothing reached, and those that are full: the ends of the series.
  static double sigma(double x) {
    if (x == 1) return std::numeric_limits<double>::infinity();
    double z = x;
    for (double y = 1, before = -1; z != before; y += y) {
      x *= x;
      before = z;
      z += x * y;
    }
    return z;
  }
  static double tau(double x) {
    if (x == 0 || x == 1) return 0;
    double z = 1 - x;
    for (double y = 1, before = -1; z != before;) {
      x = std::sqrt(x);
      before = z;
      y /= 2;
      z -= (1 - x) * (1 - x) * y;
    }
    return z / 3;
  }

  const row_type& rows_;
  int bits_;
  std::vector<std::uint8_t> longest_;
};

}  // namespace

std::int64_t count_approx_distinct(const node_ptr& dataset, double relative_sd) {
  constexpr int fewest_bits = 4;
  constexpr int most_bits = 24;  // 16 MiB a task
  const double bits = std::ceil(2 * std::log2(1.054 / relative_sd));
  if (!(relative_sd > 0) || bits > most_bits)
    throw usage_error(
        "count_approx_distinct: the relative standard deviation must be at least 0.00026: " +
        std::to_string(relative_sd));
  const int used = std::max(fewest_bits, static_cast<int>(bits));
  const auto results = run_job({dataset, all_partitions(*dataset), "count_approx_distinct",
                                [&](task_context& task, int partition) -> task_result {
                                  auto part = std::make_shared<sketch>(dataset->rows(), used);
                                  drain(task, *dataset, partition, {part.get(), sketch::push});
                                  return part;
                                }});
  sketch all(dataset->rows(), used);
  for (const auto& r : results) all.merge(*static_cast<const sketch*>(r.get()));
  return std::llround(all.estimate());
}

}  // namespace millrace::detail
