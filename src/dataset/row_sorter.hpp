// Sorts rows that need not fit in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "dataset/row_frames.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

/// The order among rows of equal `major`: by a field.
struct tie_order {
  const row_type* key;
  std::uint32_t key_at;
  bool ascending;
};

/// Stable, by `major`, then by `ties`. Holds up to its share of memory; past it, sorted runs go to
/// disk and are merged. One thread; first all is added, then read.
class row_sorter {
 public:
  row_sorter(const row_type& rows, task_context& task, std::string_view operation,
             std::size_t share, std::optional<tie_order> ties = {});
  row_sorter(const row_sorter&) = delete;
  row_sorter& operator=(const row_sorter&) = delete;

  /// Copies the rows and what they view.
  void add(const void* rows, std::size_t n, const row_order* orders);
  /// Adds rows that are sorted already, directly on disk; ends with the next call of another
  /// member.
  void add_sorted(const void* rows, std::size_t n, const row_order* orders);
  void end_run();

  /// The next rows; false: no more. They live until the next call.
  bool next();
  row_buffer& rows() { return out_; }
  const row_order* orders() const { return out_orders_.data(); }

 private:
  struct source {
    explicit source(const row_frames& run) : from(run) {}
    frame_reader from;
    std::size_t at = 0;
    std::size_t number = 0;
  };
  void start();
  void sort();
  void cut_run();
  bool next_in_memory();
  bool before(const source& a, const source& b);
  void sink_down(std::size_t at);

  const row_type& type_;
  task_context& task_;
  std::string_view operation_;
  std::size_t share_;
  std::optional<tie_order> ties_;

  row_buffer held_;
  std::vector<row_order> orders_;
  std::size_t heap_ = 0;
  std::vector<std::uint32_t> sorted_;  // positions in held_
  std::size_t next_ = 0;

  std::vector<row_frames> runs_;
  std::optional<row_frames> run_;  // that is being written
  std::vector<std::unique_ptr<source>> heap_of_runs_;
  bool started_ = false;
  bool refill_ = false;  // the first of the heap has come to the end of its frame

  row_buffer out_;
  std::vector<row_order> out_orders_;
};

}  // namespace millrace::detail
