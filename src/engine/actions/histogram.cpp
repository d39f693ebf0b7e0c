// histogram: how many numbers lie between edges.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "engine/actions/numbers.hpp"
#include "millrace/error.hpp"
#include "millrace/statistics.hpp"

namespace millrace::detail {

namespace {

class buckets final : public number_reader {
 public:
  explicit buckets(const std::vector<double>& edges) : edges_(edges), counts(edges.size() - 1) {}
  void read(const double* x, std::uint32_t n) override {
    for (std::uint32_t i = 0; i < n; ++i) {
      if (!(x[i] >= edges_.front() && x[i] <= edges_.back())) continue;
      const auto above = std::upper_bound(edges_.begin(), edges_.end(), x[i]);
      // The last bucket has its upper edge too.
      const auto bucket =
          std::min<std::size_t>(static_cast<std::size_t>(above - edges_.begin()), counts.size());
      ++counts[bucket - 1];
    }
  }

 private:
  const std::vector<double>& edges_;

 public:
  std::vector<std::int64_t> counts;
};

std::vector<std::int64_t> count_between(const node_ptr& dataset, const std::vector<double>& edges) {
  std::vector<std::int64_t> counts(edges.size() - 1);
  for (const auto& part :
       read_numbers(dataset, "histogram", [&] { return std::make_shared<buckets>(edges); }))
    for (std::size_t i = 0; i < counts.size(); ++i)
      counts[i] += static_cast<const buckets&>(*part).counts[i];
  return counts;
}

}  // namespace

std::vector<std::int64_t> histogram(const node_ptr& dataset, const std::vector<double>& edges) {
  if (edges.size() < 2)
    throw usage_error("histogram: at least two edges are needed, there are: " +
                      std::to_string(edges.size()));
  for (std::size_t i = 0; i < edges.size(); ++i)
    if (std::isnan(edges[i]) || (i != 0 && !(edges[i - 1] < edges[i])))
      throw usage_error("histogram: the edges must be in ascending order, without NaN; wrong is: " +
                        std::to_string(edges[i]));
  return count_between(dataset, edges);
}

std::pair<std::vector<double>, std::vector<std::int64_t>> histogram(const node_ptr& dataset,
                                                                    int n) {
  if (n < 1)
    throw usage_error("histogram: the number of buckets must be positive: " + std::to_string(n));
  const statistics s = statistics_of(dataset, "histogram");
  if (!std::isfinite(s.min) || !std::isfinite(s.max))
    throw usage_error(
        "histogram: the dataset is empty or has infinite numbers or NaN; its least and greatest: " +
        std::to_string(s.min) + " " + std::to_string(s.max));
  if (s.min == s.max) return {{s.min, s.min}, {s.count}};
  std::vector<double> edges;
  const double width = s.max / n - s.min / n;  // max - min may be more than a double holds
  for (int i = 0; i < n; ++i) edges.push_back(s.min + i * width);
  edges.push_back(s.max);
  return {edges, count_between(dataset, edges)};
}

}  // namespace millrace::detail
