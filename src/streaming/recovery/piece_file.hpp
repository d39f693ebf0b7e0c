// Files of what streams keep: what all kinds of them have in common (docs/formats/state.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/error.hpp"
#include "storage/framed_file.hpp"
#include "streaming/recovery/kept_state.hpp"

namespace millrace::detail {

/// What the files of something that is kept say that they hold.
std::string piece_description(const kept_identity& of);

/// What every file says first.
struct piece_head {
  time_point_ms time;
  std::optional<time_point_ms> since;
  int partition;
  int partitions;
};

/// Entries of one kind after another, in frames. One thread.
class piece_writer {
 public:
  piece_writer(output_file& to, std::string_view description, const piece_head& head);

  /// What else belongs into the head; before all entries.
  byte_writer& head() { return out_; }
  /// Entries of a kind follow; `number` is for each of their frames.
  void begin(std::uint8_t kind, std::optional<std::uint64_t> number = std::nullopt);
  /// Where the next entry goes.
  byte_writer& next();
  /// Call between entries now and then.
  void flush_large() {
    if (out_.size() >= frame_bytes) flush();
  }
  kept_piece finish();

 private:
  static constexpr std::size_t frame_bytes = std::size_t{256} << 10;
  void flush();

  framed_writer frames_;
  kept_piece piece_;
  byte_writer out_;  // the frame that is being filled
  std::uint64_t records_ = 0;
  bool in_head_ = true;
  std::uint8_t kind_ = 0;
  std::optional<std::uint64_t> number_;
};

/// One thread. Throws `error` with the file and the offset, whatever the bytes are.
class piece_reader {
 public:
  /// Reads the head. `before`: the time of the file before; none: this is the first.
  piece_reader(std::unique_ptr<input_file> file, std::string_view description, int partition,
               std::optional<time_point_ms> before);

  const piece_head& head() const { return head_; }
  /// Goes to the next frame. False: that was all.
  bool next();
  std::uint8_t kind() const { return kind_; }
  std::uint64_t records() const { return frame_.records; }

  /// Calls `read(bytes)` with what is in the frame (at first: with what else is in the head), and
  /// refuses the file where that throws an `error`, or leaves bytes.
  template <class Read>
  void parse(Read read) {
    try {
      read(in_);
      if (in_.remaining() != 0) throw error("bytes are left after the last entry of a frame");
    } catch (const error& e) {
      refuse(e.what());
    }
  }
  [[noreturn]] void refuse(std::string_view why) const;

 private:
  void read_head(int partition, std::optional<time_point_ms> before);

  framed_reader frames_;
  framed_reader::frame frame_;
  byte_reader in_{nullptr, 0};
  piece_head head_{};
  std::uint8_t kind_ = 0;
};

}  // namespace millrace::detail
