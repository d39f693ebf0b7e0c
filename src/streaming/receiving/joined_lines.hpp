// Lines that came in pieces, one after another, in blocks.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "streaming/receiving/line_buffer.hpp"

namespace millrace::detail {

/// Each piece by itself would make a small block, and a block is a partition. Not thread-safe.
class joined_lines {
 public:
  /// Whole lines with their ends; the last one may have none. They are copied.
  void add(std::string_view lines);
  std::size_t bytes() const { return end_ - begin_; }
  bool full() const { return !ready_.empty(); }
  /// All lines so far.
  std::vector<text_block> take();

 private:
  void close();

  // memory_[begin_, end_) is of the block that is being filled.
  std::shared_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::vector<text_block> ready_;
};

}  // namespace millrace::detail
