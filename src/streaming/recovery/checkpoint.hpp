// What a checkpoint says: data only, no code. Written as one row (docs/formats/checkpoint.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/detail/base/clock.hpp"

namespace millrace::detail {

enum class batch_status : std::uint8_t {
  pending,    // its ranges are in the log; whether its outputs ran is not known
  committed,  // all its outputs are done
  parked,     // an output failed, and later batches went on
};

/// A batch whose ranges were named.
struct logged_batch {
  time_point_ms time{};
  batch_status status = batch_status::pending;
  /// By input, in the order of the checkpoint's; none: what it read is gone with the process.
  std::vector<std::optional<std::string>> ranges;
  std::vector<std::int32_t> partitions;  // of the dataset of each output operation that it has
  std::string reason;                    // why it is parked
};

/// The value of an accumulator.
struct kept_value {
  std::string name;
  std::string signature;
  std::string value;
};

struct checkpoint {
  struct input {
    std::string name;
    std::string signature;  // of its ranges; empty: it can't be read again
    std::string position;   // after the batch of `as_of`
  };
  /// A file of one partition of what is kept; see kept_piece.
  struct piece {
    std::string file;
    time_point_ms time{};
    std::optional<time_point_ms> since;
    std::uint64_t bytes = 0;
    std::uint64_t records = 0;
  };
  /// State, or a window's rows; see kept_identity.
  struct state {
    std::string name;
    std::string kind;
    std::string fingerprint;
    std::vector<std::vector<piece>> partitions;
  };

  std::uint64_t number = 0;  // of the checkpoint, and of the log that begins with it
  std::uint64_t epoch = 0;   // of the run that wrote it
  std::string application;
  std::chrono::milliseconds interval{};
  time_point_ms zero{};   // batches are multiples of the interval after it
  time_point_ms last{};   // the newest batch that was logged; 0: none
  time_point_ms as_of{};  // the batch that left positions and states as they are here; 0: none
  std::vector<input> inputs;
  std::vector<state> states;
  std::vector<kept_value> accumulators;  // as the newest committed batch left them
  std::vector<logged_batch> batches;     // in order: not committed, or after `as_of`
};

/// An entry of the batch log behind its head. The value of `what` is part of the format.
struct log_record {
  enum class kind : std::uint8_t {
    batch,      // begins: time, ranges, partitions
    committed,  // all outputs are done: time, accumulators
    parked,     // time, reason
    retried,    // a parked batch is to run again: time
    discarded,  // a parked batch never is: time
  };
  kind what = kind::batch;
  logged_batch batch;
  std::vector<kept_value> accumulators;
};

/// The first entry of a batch log.
struct log_head {
  std::uint64_t number = 0;
  std::uint64_t epoch = 0;
  static constexpr std::uint64_t all = UINT64_MAX;

  std::uint64_t after = 0;  // the log before; 0: none
  /// That many of its entries count: what was written there later does not. `all`: up to its end
  /// mark, without which there may be nothing behind this head.
  std::uint64_t after_entries = 0;
};

/// What the record says becomes part of the checkpoint. Throws `error` where it can't follow.
void apply(const log_record& record, checkpoint& to);
/// Leaves out batches that nobody will ask for.
void forget_done(checkpoint& of);

std::string in_ms(time_point_ms time);

}  // namespace millrace::detail
