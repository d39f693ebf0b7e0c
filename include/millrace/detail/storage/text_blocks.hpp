#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "millrace/detail/storage/file_system.hpp"

namespace millrace::detail {

/// Reads the lines of one split [begin, end) of a text file, as blocks of whole lines.
///
/// A line ends with "\n", "\r\n" or "\r" alone; the last one may have no end. A line belongs to
/// the split in which its first byte lies, wherever it ends (Hadoop's rule), so the splits of a
/// file give each line once. A "\r\n" is never torn between two blocks or splits. A UTF-8 byte
/// order mark at the start of the file is left out, as Hadoop does.
///
/// One thread. Errors, all `error` with the file and an offset: reading fails; a line is longer
/// than the limit; the file ends before `end`, so it was cut short after the split was planned.
class text_block_reader {
 public:
  /// As `end`: to the end of the file, wherever that is.
  static constexpr std::uint64_t whole_file = UINT64_MAX;
  /// Bytes that may be read after each block, so that kernels can load whole vectors. Initialised,
  /// otherwise meaningless.
  static constexpr std::size_t readable_after = 64;

  struct options {
    /// Bytes of a block; more only where a line is longer.
    std::size_t block = std::size_t{256} << 10;
    /// Bytes that a line may have, its end included. Not less than `block`.
    std::size_t line_limit = std::size_t{64} << 20;
  };

  text_block_reader(std::unique_ptr<input_file> file, std::uint64_t begin, std::uint64_t end,
                    options chosen);
  text_block_reader(std::unique_ptr<input_file> file, std::uint64_t begin, std::uint64_t end)
      : text_block_reader(std::move(file), begin, end, options{}) {}
  ~text_block_reader();
  text_block_reader(const text_block_reader&) = delete;
  text_block_reader& operator=(const text_block_reader&) = delete;

  /// False: the split has no more lines. Otherwise `block` is one or more whole lines with their
  /// ends, not empty, valid until the next call: the buffer is used again.
  [[nodiscard]] bool next(std::string_view& block);

  /// Where the block that was last returned begins in the file.
  [[nodiscard]] std::uint64_t block_offset() const { return block_offset_; }

 private:
  static constexpr std::size_t none = SIZE_MAX;

  bool start();
  void fill();
  [[nodiscard]] std::size_t find_cut() const;
  [[nodiscard]] std::size_t after_line_end(const char* line_end) const;
  void check_line_lengths(std::size_t to) const;
  [[noreturn]] void refuse_line(std::size_t line) const;

  std::unique_ptr<input_file> file_;
  std::uint64_t begin_;
  std::uint64_t end_;
  std::size_t limit_;

  // buffer_[first_, last_) was read and not yet handed out; buffer_[0] lies at base_ in the file.
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
  std::uint64_t base_ = 0;
  std::uint64_t block_offset_ = 0;
  bool file_ended_ = false;  // what lies before last_ is all there is
  bool started_ = false;
  bool done_ = false;
};

}  // namespace millrace::detail
