// What is known of many numbers, and of a number that is not known exactly.
#pragma once

#include <cstdint>

namespace millrace {

/// Of all rows of a dataset of numbers, as doubles. Variances are computed without the loss of
/// digits that sums of squares suffer, and merged over partitions in their order.
struct statistics {
  std::int64_t count = 0;
  double sum = 0;
  double mean = 0;             ///< 0 without rows, as in Spark
  double min = 0;              ///< +infinity without rows; NaN where a row is
  double max = 0;              ///< -infinity without rows; NaN where a row is
  double variance = 0;         ///< of the rows as a whole: divided by count; NaN without rows
  double stdev = 0;            ///< its root
  double sample_variance = 0;  ///< of what the rows were drawn from: divided by count - 1; NaN with
                               ///< fewer than two rows
  double sample_stdev = 0;     ///< its root
};

/// A number that lies between `low` and `high` with probability `confidence`. `is_final`: all rows
/// were seen, the number is exact.
template <class T>
struct bounded {
  T mean{};
  T low{};
  T high{};
  double confidence = 0;
  bool is_final = false;
};

}  // namespace millrace
