// sum, mean, variance and their like: one pass over the numbers.
#include "millrace/statistics.hpp"

#include <cmath>
#include <limits>

#include "engine/actions/numbers.hpp"

namespace millrace::detail {

namespace {

class moments final : public number_reader {
 public:
  void read(const double* x, std::uint32_t n) override {
    if (n == 0) return;
    moments block;
    block.count_ = n;
    for (std::uint32_t i = 0; i < n; ++i) {
      block.sum_ += x[i];
      // NaN, once met, stays.
      if (x[i] < block.min_ || std::isnan(x[i])) block.min_ = x[i];
      if (x[i] > block.max_ || std::isnan(x[i])) block.max_ = x[i];
    }
    block.mean_ = block.sum_ / n;
    for (std::uint32_t i = 0; i < n; ++i)
      block.squares_ += (x[i] - block.mean_) * (x[i] - block.mean_);
    merge(block);
  }

  /// Chan, Golub, LeVeque: updating formulae for the sample variance.
  void merge(const moments& other) {
    if (other.count_ == 0) return;
    const auto a = static_cast<double>(count_);
    const auto b = static_cast<double>(other.count_);
    const double apart = other.mean_ - mean_;
    mean_ = count_ == 0 ? other.mean_ : mean_ + apart * (b / (a + b));
    squares_ += other.squares_ + (count_ == 0 ? 0 : apart * apart * (a * b / (a + b)));
    sum_ += other.sum_;
    count_ += other.count_;
    if (other.min_ < min_ || std::isnan(other.min_)) min_ = other.min_;
    if (other.max_ > max_ || std::isnan(other.max_)) max_ = other.max_;
  }

  statistics result() const {
    statistics s;
    s.count = count_;
    s.sum = sum_;
    s.mean = mean_;
    s.min = min_;
    s.max = max_;
    const auto n = static_cast<double>(count_);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    s.variance = count_ == 0 ? nan : squares_ / n;
    s.stdev = std::sqrt(s.variance);
    s.sample_variance = count_ < 2 ? nan : squares_ / (n - 1);
    s.sample_stdev = std::sqrt(s.sample_variance);
    return s;
  }

 private:
  std::int64_t count_ = 0;
  double sum_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // of the distances from the mean
  double min_ = std::numeric_limits<double>::infinity();
  double max_ = -std::numeric_limits<double>::infinity();
};

}  // namespace

statistics statistics_of(const node_ptr& dataset, std::string_view action) {
  moments all;
  for (const auto& part : read_numbers(dataset, action, [] { return std::make_shared<moments>(); }))
    all.merge(static_cast<const moments&>(*part));
  return all.result();
}

}  // namespace millrace::detail
