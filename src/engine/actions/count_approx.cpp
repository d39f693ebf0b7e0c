// count_approx: a count that must be there in time.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>

#include "engine/actions/drain.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/error.hpp"
#include "millrace/statistics.hpp"

namespace millrace::detail {

namespace {

using steady = std::chrono::steady_clock;

/// How many standard deviations on both sides of the mean hold this share of a normal distribution.
double deviations_for(double share) {
  double low = 0;
  double high = 40;  // where doubles end
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (std::erf(middle / std::sqrt(2.0)) < share ? low : high) = middle;
  }
  return high;
}

bounded<double> estimate(std::int64_t counted, int done, int all, double confidence) {
  const auto sum = static_cast<double>(counted);
  if (done == all) return {sum, sum, sum, 1, true};
  if (counted == 0) return {0, 0, std::numeric_limits<double>::infinity(), 0, false};
  // As if each row had been seen with probability p: those not seen are distributed as the failures
  // before the sum-th success (negative binomial).
  const double p = static_cast<double>(done) / all;
  const double left = sum * (1 - p) / p;
  const double apart = deviations_for(confidence) * std::sqrt(left / p);
  return {sum + left, sum + std::max(0.0, left - apart), sum + left + apart, confidence, false};
}

}  // namespace

bounded<double> count_approx(const node_ptr& dataset, std::chrono::milliseconds timeout,
                             double confidence) {
  if (timeout < std::chrono::milliseconds::zero())
    throw usage_error("count_approx: the timeout must not be negative, it is, in ms: " +
                      std::to_string(timeout.count()));
  if (!(confidence >= 0 && confidence <= 1))
    throw usage_error("count_approx: the confidence must be from 0 to 1: " +
                      std::to_string(confidence));
  constexpr std::chrono::milliseconds for_ever = std::chrono::hours(24 * 365);
  const auto deadline = steady::now() + std::min(timeout, for_ever);
  const int partitions = dataset->partitions();
  std::vector<std::atomic<std::int64_t>> counts(static_cast<std::size_t>(partitions));
  for (auto& c : counts) c.store(-1, std::memory_order_relaxed);
  struct counter {
    steady::time_point deadline;
    std::int64_t rows = 0;
    bool late = false;
  };
  run_job({dataset, all_partitions(*dataset), "count_approx",
           [&](task_context& task, int partition) -> task_result {
             counter c{deadline, 0, steady::now() >= deadline};
             if (c.late) return nullptr;
             drain(task, *dataset, partition, {&c, [](void* self, const chunk& rows) {
                                                 auto& me = *static_cast<counter*>(self);
                                                 me.rows += rows.count;
                                                 me.late = steady::now() >= me.deadline;
                                                 return me.late ? flow::enough : flow::more;
                                               }});
             if (!c.late) counts[static_cast<std::size_t>(partition)].store(c.rows);
             return nullptr;
           }});
  std::int64_t sum = 0;
  int done = 0;
  for (const auto& c : counts) {
    if (c.load() < 0) continue;
    sum += c.load();
    ++done;
  }
  return estimate(sum, done, partitions, confidence);
}

}  // namespace millrace::detail
