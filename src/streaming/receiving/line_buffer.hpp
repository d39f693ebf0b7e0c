// Bytes in, blocks of whole lines out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

/// Cuts a stream of bytes into blocks of whole lines, without copying but for the piece of a line
/// that stands at the end of a block. A line ends with "\n", "\r\n" or "\r" alone; a "\r" that is
/// the last byte so far ends its line at once, and a "\n" that follows later is left out. Lines
/// that are longer than the limit (their end not counted) are left out; their beginnings are kept.
///
/// Not thread-safe.
class line_buffer {
 public:
  /// Bytes of a block; a longer line makes a longer one.
  static constexpr std::size_t block_bytes = std::size_t{1} << 20;
  /// Bytes that may be read after each block.
  static constexpr std::size_t readable_after = 64;

  explicit line_buffer(std::size_t longest_line, std::size_t block = block_bytes)
      : longest_line_(longest_line), block_(block) {}

  /// Where the next bytes go; never empty.
  std::span<char> room();
  /// `n` bytes were written to the room.
  void received(std::size_t n);
  /// No more bytes of this stream; the next ones begin another. What is left is a line without an
  /// end, or if not `whole` dropped: so many bytes.
  std::size_t end(bool whole);

  /// Whether there are whole lines that have not been taken.
  bool has_lines() const { return !ready_.empty() || lines_end_ != begin_; }
  /// The bytes of those lines that are in no full block.
  std::size_t line_bytes() const { return lines_end_ - begin_; }
  /// Whether a block is full: `take` it.
  bool full() const { return !ready_.empty(); }
  /// All whole lines so far.
  std::vector<text_block> take();

  /// The beginning of a line that was left out: as many bytes as a line may have.
  struct long_line {
    std::uint64_t offset;  // of its first byte, from the stream's beginning
    std::string bytes;
  };
  /// Lines left out since this was last asked.
  std::vector<long_line> take_too_long();

 private:
  void cut();
  void check_lines(std::size_t from, std::size_t to);
  void keep(std::size_t from, std::size_t to);
  void leave_out(std::size_t line);
  void discard(std::size_t from);
  void renew(std::size_t piece_at);

  std::size_t longest_line_;
  std::size_t block_;

  // memory_[begin_, lines_end_) is whole lines, [lines_end_, end_) the beginning of another.
  std::shared_ptr<char[]> memory_;
  std::size_t capacity_ = 0;  // and `readable_after` more
  std::size_t begin_ = 0;
  std::size_t lines_end_ = 0;
  std::size_t end_ = 0;

  bool after_return_ = false;  // the last byte taken was a '\r': a '\n' that follows belongs to it
  bool discarding_ = false;    // inside of a line that is too long
  std::vector<long_line> too_long_;
  std::uint64_t shift_ = 0;  // memory_[i] is byte i + shift_ of the stream, wrapping around
  std::vector<text_block> ready_;
};

/// Lines of whole lines of text.
std::int64_t count_lines(std::string_view text);

}  // namespace millrace::detail
