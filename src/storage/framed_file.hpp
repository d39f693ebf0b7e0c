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
  /// Of a frame, before its payload.
  static constexpr std::size_t head_bytes = 32;

  /// `description` says what the payloads are; a reader compares it with what it expects.
  framed_writer(output_file& to, std::string_view description);
  framed_writer(const framed_writer&) = delete;
  framed_writer& operator=(const framed_writer&) = delete;

  /// Appends a frame; `records` is for the reader, and counted. `bytes` says where it begins.
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
  /// What a file without an end mark is.
  enum class ending : unsigned char {
    marked,  ///< damaged
    open,    ///< one whose writer died, or is at work: `next` ends at the first flaw
  };

  /// Reads the beginning of the file.
  explicit framed_reader(std::unique_ptr<input_file> file, ending wanted = ending::marked);
  framed_reader(const framed_reader&) = delete;
  framed_reader& operator=(const framed_reader&) = delete;

  [[nodiscard]] const std::string& description() const { return description_; }

  struct frame {
    std::string_view payload;  // valid until the next call
    std::uint64_t records = 0;
    std::uint64_t offset = 0;  // where its payload begins in the file
  };
  /// `next` goes on with the frame that begins here, after any call of it. No end mark is expected
  /// to agree any more.
  void seek(std::uint64_t to);
  /// False: the end mark was reached, and it agrees with what was read. Or, in an open file, what
  /// follows is not whole: see `flaw`.
  [[nodiscard]] bool next(frame& next);

  /// Why and where an open file's reading ended before an end mark; null: there was the mark.
  struct break_off {
    std::string what;
    std::uint64_t offset = 0;
  };
  [[nodiscard]] const break_off* flaw() const { return flawed_ ? &flaw_ : nullptr; }
  /// The next whole frame behind a flaw, wherever it begins; false: there is none. Looks at every
  /// byte. The end mark is found as a frame without payload.
  [[nodiscard]] bool find(frame& next);
  [[nodiscard]] std::uint64_t size() const { return file_->size(); }

  /// Refuses the file: `what` is wrong at `offset`.
  [[noreturn]] void refuse(std::string_view what, std::uint64_t offset) const;

 private:
  struct head;
  void begin();
  bool blank();
  bool read_frame(frame& next);
  void load(std::uint64_t begin, const head& h);
  void read(std::uint64_t offset, void* to, std::size_t count, std::string_view what);

  std::unique_ptr<input_file> file_;
  ending ending_;
  bool flawed_ = false;
  break_off flaw_;
  std::string description_;
  std::uint64_t id_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t records_ = 0;
  bool sought_ = false;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
};

}  // namespace millrace::detail
