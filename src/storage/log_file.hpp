// Files that are appended to for as long as their writer lives (docs/formats/frames.md, "Logs").
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "storage/framed_file.hpp"

namespace millrace::detail {

/// What is appended at once.
class log_entry {
 public:
  log_entry() { clear(); }
  /// Where the entry's bytes go.
  byte_writer& bytes() { return bytes_; }
  std::string_view view() const { return bytes_.view().substr(head); }
  void clear();

 private:
  friend class log_writer;
  friend class log_reader;
  static constexpr std::size_t head = 8;
  byte_writer bytes_;
};

/// Writes one log. One thread at a time. After any failure the file is to be left: another one is
/// begun, and what was not synced is written again there.
class log_writer {
 public:
  /// Creates the file, which must not be there, with `first`, if that is given, and returns when
  /// all of it would survive a power cut. Throws `error`; then there is no file.
  log_writer(file_system& files, std::string path, std::string_view description,
             log_entry* first = nullptr);

  /// Where the entry begins. `records` is at least 1.
  std::uint64_t append(log_entry& entry, std::uint64_t records = 1);
  /// Returns when all that was appended would survive a power cut.
  void sync();
  /// The same in two halves, for who does not want to keep appenders waiting: `flush` may run
  /// beside `append`; `synced` says what `bytes` was when it began.
  void flush() { file_->sync(); }
  void synced(std::uint64_t up_to);
  /// Marks the end, after all was synced. Nothing may be called after it.
  void close();

  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return frames_->bytes(); }
  bool all_synced() const { return synced_ >= appended_; }

 private:
  std::string path_;
  std::unique_ptr<output_file> file_;
  std::optional<framed_writer> frames_;
  std::uint64_t synced_ = 0;
  std::uint64_t appended_ = 0;  // the end of the last entry
};

/// Reads one log from its beginning, also one whose writer died or is at work. One thread.
///
/// What a writer had not synced when it died may be missing in part: a torn tail, which ends the
/// reading. An entry that is damaged and was synced before something behind it was written is no
/// tail: that is refused with the path and the offset.
class log_reader {
 public:
  log_reader(file_system& files, const std::string& path, std::string_view description);

  struct entry {
    std::string_view bytes;  // valid until the next call
    std::uint64_t records = 0;
    std::uint64_t offset = 0;  // what `append` returned
  };
  [[nodiscard]] bool next(entry& next);
  /// `next` goes on with the entry at an offset that `append` returned.
  void seek(std::uint64_t offset) { frames_.seek(offset); }
  /// After `next` said false. Bytes at the end of the file that are no whole entry.
  std::uint64_t torn() const;
  /// "the last 17 bytes of the log are not whole …": for the log; empty: nothing is torn.
  std::string torn_text() const;
  /// Whether the writer marked the end.
  bool closed() const { return ended_ && frames_.flaw() == nullptr; }

 private:
  std::string path_;
  framed_reader frames_;
  bool ended_ = false;
};

}  // namespace millrace::detail
