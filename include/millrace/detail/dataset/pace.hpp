// How long a user's function may keep a task from looking up.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "millrace/detail/dataset/cursor.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

/// Says how many rows to work on before looking whether the task is still wanted: about 5 ms of
/// them. A function cannot be interrupted, so this is what bounds the time that cancelling takes.
/// Begins with one row, and is at whole chunks after 33. What rows come together must not matter
/// to results: it depends on time.
class pace {
 public:
  using clock = std::chrono::steady_clock;

  std::uint32_t rows() const { return rows_; }
  void took(clock::duration time) {
    constexpr std::chrono::milliseconds most(5);
    constexpr int growth = 32;
    if (time > most) rows_ = std::max(rows_ / 8, 1U);
    else if (time * growth < most) rows_ = std::min(rows_ * growth, chunk_capacity);
  }

  /// Calls `loop(chunk)` for the rows piece by piece.
  template <class Loop>
  flow run(const chunk& rows, std::uint32_t row_size, const task_context& task, Loop loop) {
    for (std::uint32_t done = 0; done != rows.count;) {
      const std::uint32_t n = std::min(rows_, rows.count - done);
      const auto begin = clock::now();
      const flow answer = loop(
          chunk{static_cast<char*>(rows.rows) + std::size_t{done} * row_size, n, rows.movable});
      took(clock::now() - begin);
      if (answer == flow::enough || task.cancelled()) return flow::enough;
      done += n;
    }
    return flow::more;
  }

 private:
  std::uint32_t rows_ = 1;
};

}  // namespace millrace::detail
