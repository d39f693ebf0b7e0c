// Inputs whose batches can be read again after the program died.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/detail/base/clock.hpp"

namespace millrace::detail {

/// What a batch reads of such an input is a *range* (offsets, files, places in a log), which goes
/// to the batch log before anything of the batch runs. All but `committed` is called by the thread
/// that generates batches, or by the one that starts the stream.
class replayable_input {
 public:
  /// Says how ranges and positions are encoded: bytes of another text are not read. "(int32,
  /// int32)".
  virtual std::string range_signature() const = 0;

  /// Appends what the batch reads that was allocated last.
  virtual void write_range(byte_writer& to) const = 0;
  /// In place of `allocate`: the batch reads this range once more. How many records that is; -1:
  /// unknown.
  virtual std::int64_t allocate_again(time_point_ms time, std::string_view range) = 0;

  /// Appends what a new run must know to go on after the batch that was allocated last.
  virtual void write_position(byte_writer& to) const = 0;
  /// Once, before `open`: an earlier run wrote this position, and after it allocated these ranges.
  virtual void resume(std::string_view position, std::span<const std::string_view> since) = 0;

  /// That the batch is done is on the disk: what only it needed may go. Any thread, in order of
  /// time, but for batches that were parked.
  virtual void committed(time_point_ms, std::string_view /*range*/) {}
  /// That no checkpoint will be read again but those with this position or a later one: what came
  /// before may go, but for these ranges, of batches that are parked. Any thread.
  virtual void checkpointed(std::string_view /*position*/,
                            std::span<const std::string_view> /*parked*/) {}

 protected:
  ~replayable_input() = default;
};

}  // namespace millrace::detail
