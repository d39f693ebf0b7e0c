#include "streaming/receiving/line_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::detail {
namespace {

/// Less room than this is not worth a system call.
constexpr std::size_t least_room = 4096;

bool is_end(char c) { return c == '\n' || c == '\r'; }

/// The last of `\n` and `\r` in [from, to); null: none.
const char* last_line_end(const char* from, const char* to) {
  const auto* const feed =
      static_cast<const char*>(::memrchr(from, '\n', static_cast<std::size_t>(to - from)));
  const char* const rest = feed == nullptr ? from : feed + 1;
  const auto* const later =
      static_cast<const char*>(::memrchr(rest, '\r', static_cast<std::size_t>(to - rest)));
  return later != nullptr ? later : feed;
}

}  // namespace

std::span<char> line_buffer::room() {
  if (capacity_ - end_ < least_room) cut();
  if (capacity_ - end_ < least_room) renew(begin_);
  return {memory_.get() + end_, capacity_ - end_};
}

/// Goes on in new memory, with the piece of a line that stands at `piece_at`.
void line_buffer::renew(std::size_t piece_at) {
  const std::size_t piece = end_ - piece_at;
  const std::size_t capacity = std::max(block_, 2 * piece + least_room);
  std::shared_ptr<char[]> fresh(new char[capacity + readable_after]);
  std::memset(fresh.get() + capacity, 0, readable_after);
  if (piece != 0) std::memcpy(fresh.get(), memory_.get() + piece_at, piece);
  memory_ = std::move(fresh);
  capacity_ = capacity;
  shift_ += piece_at;
  begin_ = lines_end_ = 0;
  end_ = piece;
}

void line_buffer::received(std::size_t n) {
  if (n == 0) return;
  std::size_t from = end_;
  end_ += n;
  if (std::exchange(after_return_, false) && memory_[from] == '\n') {
    // begin_ == from: the '\r' was taken, and nothing came since.
    begin_ = lines_end_ = ++from;
    if (from == end_) return;
  }
  if (discarding_) {
    discard(from);
    from = begin_;
    if (from == end_) return;
  }
  const char* const last = last_line_end(memory_.get() + from, memory_.get() + end_);
  if (last != nullptr) lines_end_ = static_cast<std::size_t>(last + 1 - memory_.get());
  if (end_ - lines_end_ > longest_line_) {
    cut();
    leave_out(begin_);
    discarding_ = true;
    shift_ += end_ - begin_;
    end_ = begin_;
  }
}

/// Drops the rest of a line that is too long. REQUIRES: nothing but `from` and what follows is
/// held.
void line_buffer::discard(std::size_t from) {
  const char* const last = memory_.get() + end_;
  const char* at = std::find_if<const char*>(memory_.get() + from, last, is_end);
  if (at == last) {
    shift_ += end_ - from;
    end_ = begin_ = lines_end_ = from;
    return;
  }
  discarding_ = false;
  const bool carriage_return = *at++ == '\r';
  if (carriage_return && at == last) after_return_ = true;
  else if (carriage_return && *at == '\n') ++at;
  begin_ = lines_end_ = static_cast<std::size_t>(at - memory_.get());
}

std::size_t line_buffer::end(bool whole) {
  if (whole && !discarding_) lines_end_ = end_;
  cut();
  const std::size_t dropped = end_ - begin_;
  end_ = begin_;
  shift_ = 0 - begin_;
  discarding_ = after_return_ = false;
  return dropped;
}

/// Closes the block of whole lines. What follows it moves behind a gap, so that nothing is written
/// any more to the bytes that may be read after the block.
void line_buffer::cut() {
  if (lines_end_ == begin_) return;
  const std::size_t block_end = lines_end_;
  const std::size_t piece = end_ - block_end;
  after_return_ = piece == 0 && memory_[block_end - 1] == '\r';
  const std::size_t next = block_end + readable_after;
  const bool fits = next + piece <= capacity_;
  if (fits && piece != 0) std::memmove(memory_.get() + next, memory_.get() + block_end, piece);
  if (piece < readable_after) std::memset(memory_.get() + end_, 0, readable_after - piece);
  check_lines(begin_, block_end);
  if (!fits) return renew(block_end);
  begin_ = lines_end_ = next;
  end_ = next + piece;
  shift_ -= readable_after;
}

/// Keeps the lines in [from, to) that are not too long.
void line_buffer::check_lines(std::size_t from, std::size_t to) {
  if (to - from <= longest_line_) return keep(from, to);
  const char* const text = memory_.get();
  std::size_t good = from;
  for (std::size_t line = from; line < to;) {
    // From the last line end within reach of this line's start the next look begins: lines in
    // between are short enough.
    const std::size_t reach = std::min(to, line + longest_line_ + 1);
    if (const char* const near = last_line_end(text + line, text + reach)) {
      line = static_cast<std::size_t>(near + 1 - text);
      continue;
    }
    if (reach == to) break;  // a last line without an end
    const char* const far = std::find_if(text + reach, text + to, is_end);
    std::size_t after = static_cast<std::size_t>(far - text);
    if (far != text + to) after += *far == '\r' && after + 1 < to && far[1] == '\n' ? 2 : 1;
    leave_out(line);
    keep(good, line);
    good = line = after;
  }
  keep(good, to);
}

/// REQUIRES: more than a line's longest is held from here on.
void line_buffer::leave_out(std::size_t line) {
  too_long_.push_back({line + shift_, std::string(memory_.get() + line, longest_line_)});
}

void line_buffer::keep(std::size_t from, std::size_t to) {
  if (from == to) return;
  ready_.push_back({memory_, {memory_.get() + from, to - from}});
}

std::vector<text_block> line_buffer::take() {
  cut();
  return std::exchange(ready_, {});
}

std::vector<line_buffer::long_line> line_buffer::take_too_long() {
  return std::exchange(too_long_, {});
}

std::int64_t count_lines(std::string_view text) {
  const auto feeds = std::count(text.begin(), text.end(), '\n');
  if (text.find('\r') == std::string_view::npos)
    return feeds + (!text.empty() && text.back() != '\n' ? 1 : 0);
  std::int64_t lines = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') lines += i == 0 || text[i - 1] != '\r' ? 1 : 0;
    else if (text[i] == '\r') ++lines;
  }
  return lines + (is_end(text.back()) ? 0 : 1);
}

}  // namespace millrace::detail
