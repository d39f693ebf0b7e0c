// The typed ends of zip, cartesian and the numbering of rows: partitions side by side.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

/// Steps two inputs together, as far as both have rows at a time.
class zipped_inputs {
 public:
  zipped_inputs(partition_input* in, int partition) : in_(in), partition_(partition) {}
  /// The next rows of both, at most chunk_rows; ends the life of those before. False: both ended.
  /// Throws usage_error where one has more rows than the other.
  bool next();
  const void* rows(int side) const;
  std::uint32_t count() const { return count_; }

 private:
  partition_input* in_;
  int partition_;
  std::size_t at_[2] = {0, 0};
  std::uint32_t count_ = 0;
  std::int64_t before_ = 0;
};

template <class T, class U>
void zip_rows(step_state& step, int partition, partition_input* in) {
  output<std::pair<T, U>> out(step, {nullptr, 0, false});
  zipped_inputs both(in, partition);
  while (both.next()) {
    const T* a = static_cast<const T*>(both.rows(0));
    const U* b = static_cast<const U*>(both.rows(1));
    for (std::uint32_t i = 0; i < both.count(); ++i) out.put(a[i], b[i]);
    if (out.flush() == flow::enough) return;
  }
}

/// Holds the right partition; the left passes by in chunks.
template <class T, class U>
void cross_rows(step_state& step, int, partition_input* in) {
  output<std::pair<T, U>> out(step, {nullptr, 0, false});
  if (!in[0].pull()) return;
  const row_buffer right = in[1].rest();
  const U* first = static_cast<const U*>(right.data());
  do {
    const T* left = static_cast<const T*>(in[0].rows());
    for (std::size_t i = 0; i < in[0].count(); ++i) {
      for (std::size_t j = 0; j < right.size(); ++j) {
        out.put(left[i], first[j]);
        if (out.full() && out.flush() == flow::enough) return;
      }
    }
    if (out.flush() == flow::enough) return;
  } while (in[0].pull());
}

/// The number of each partition's first row, and how far one row's is from the next.
struct row_numbers {
  std::vector<std::int64_t> starts;
  std::int64_t step;
};

template <class T>
void number_rows(step_state& step, int partition, partition_input* in) {
  const auto& numbers = function_in<row_numbers>(step.function);
  std::int64_t next = numbers.starts[static_cast<std::size_t>(partition)];
  output<std::pair<T, std::int64_t>> out(step, {nullptr, 0, false});
  while (in->pull()) {
    const T* rows = static_cast<const T*>(in->rows());
    for (std::size_t i = 0; i < in->count(); ++i, next += numbers.step) {
      out.put(rows[i], next);
      if (out.full() && out.flush() == flow::enough) return;
    }
    if (out.flush() == flow::enough) return;
  }
}

}  // namespace millrace::detail
