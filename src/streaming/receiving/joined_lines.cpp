#include "streaming/receiving/joined_lines.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::detail {

void joined_lines::add(std::string_view lines) {
  if (lines.empty()) return;
  const std::size_t needed = lines.size() + 2;
  if (capacity_ - end_ < needed) {
    close();
    capacity_ = std::max(line_buffer::block_bytes, needed);
    memory_.reset(new char[capacity_ + line_buffer::readable_after]);
    begin_ = end_ = 0;
  }
  char* const memory = memory_.get();
  // A '\r' at the end of one connection's lines and a '\n' at the beginning of another's would be
  // one line end; with a second '\n' they are the two that they were.
  if (end_ != begin_ && memory[end_ - 1] == '\r' && lines.front() == '\n') memory[end_++] = '\n';
  std::memcpy(memory + end_, lines.data(), lines.size());
  end_ += lines.size();
  if (memory[end_ - 1] != '\n' && memory[end_ - 1] != '\r') memory[end_++] = '\n';
}

void joined_lines::close() {
  if (begin_ == end_) return;
  ready_.push_back({memory_, {memory_.get() + begin_, end_ - begin_}});
  // What may be read after the block stays as it is from here on.
  std::memset(memory_.get() + end_, 0, line_buffer::readable_after);
  begin_ = end_ = std::min(end_ + line_buffer::readable_after, capacity_);
}

std::vector<text_block> joined_lines::take() {
  close();
  return std::exchange(ready_, {});
}

}  // namespace millrace::detail
