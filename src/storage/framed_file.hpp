// Files of checksummed frames: rows on disk, checkpoints, spilled blocks (docs/formats/frames.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/detail/storage/file_system.hpp"

namespace millrace::detail {

/// Writes one framed file. One thread. Writes pass straight on to `to`, which outlives this; the
/// caller syncs and closes it after `finish`. A file without `finish` is refused when it is read.
class framed_writer {
 public:
  /// `description` says what the payloads are; a reader compares it with what it expects.
  framed_writer(output_file& to, std::string_view description);
  framed_writer(const framed_writer&) = delete;
  framed_writer& operator=(const framed_writer&) = delete;

  /// Appends a frame; `records` is for the reader, and counted.
  void frame(std::string_view payload, std::uint64_t records);
  /// Appends the end mark. Nothing may be called after it.
  void finish();

  [[nodiscard]] std::uint64_t bytes() const { return offset_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }

 private:
  void write(std::uint64_t length, std::uint64_t records, std::string_view payload);

  output_file& to_;
  std::uint64_t id_;
  std::uint64_t offset_ = 0;
  std::uint64_t records_ = 0;
};

/// Reads such a file from its beginning. One thread. Whatever the bytes are, every result is either
/// what was written or an `error` with the file and the offset: a length is believed only after
/// its checksum was right, and never beyond the end of the file.
class framed_reader {
 public:
  /// Reads the beginning of the file.
  explicit framed_reader(std::unique_ptr<input_file> file);
  framed_reader(const framed_reader&) = delete;
  framed_reader& operator=(const framed_reader&) = delete;

  [[nodiscard]] const std::string& description() const { return description_; }

  struct frame {
    std::string_view payload;  // valid until the next call
    std::uint64_t records = 0;
    std::uint64_t offset = 0;  // where its payload begins in the file
  };
  /// False: the end mark was reached, and it agrees with what was read.
  [[nodiscard]] bool next(frame& next);

  /// Refuses the file: `what` is wrong at `offset`.
  [[noreturn]] void refuse(std::string_view what, std::uint64_t offset) const;

 private:
  void read(std::uint64_t offset, void* to, std::size_t count, std::string_view what);

  std::unique_ptr<input_file> file_;
  std::string description_;
  std::uint64_t id_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t records_ = 0;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
};

}  // namespace millrace::detail
