// A partition of keyed state on disk (docs/formats/state.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "streaming/recovery/kept_state.hpp"
#include "streaming/state/state_store.hpp"

namespace millrace::detail {

/// What batches of a stream are counted by.
struct batch_count {
  time_point_ms zero;
  std::chrono::milliseconds slide;
  std::int64_t units;  // of a window, a batch
  /// The last batch up to the time.
  [[nodiscard]] std::int64_t number(time_point_ms time) const { return (time - zero) / slide; }
};

/// A partition as a batch left it.
struct state_image {
  const batch_result& left;
  std::string_view what;  // `piece_description`
  int partition;
  int partitions;
  time_point_ms time;
  batch_count count;
};

/// Whether anything changed after the batch of `since`.
bool state_changed(const state_image& image, std::optional<time_point_ms> since);
/// Writes what did, or all where that is none or not known. See kept_version::write.
kept_piece write_state(const state_image& image, std::optional<time_point_ms> since,
                       output_file& to);

/// A partition that is read back, piece after piece. One thread.
class state_loader {
 public:
  /// `into` is empty; `what` and `partition`: as the pieces were written.
  state_loader(state_partition into, std::string what, int partition, batch_count count);
  ~state_loader();

  /// Throws `error` where the file is damaged, or does not follow from the one before.
  void read(std::unique_ptr<input_file> piece);

  keyed_table& table() { return *into_.current->table; }
  /// Gives them away.
  unit_list units();
  /// The partition, once all was read, as the batch of that number left it.
  state_partition take(std::int64_t number);

 private:
  class one_piece;
  struct loaded_unit;

  state_partition into_;
  std::string what_;
  int partition_;
  batch_count count_;
  std::optional<time_point_ms> time_;
  std::vector<loaded_unit> units_;
};

/// The table of a partition and those units are what the batch of that number left.
void begin_from(state_partition& partition, std::int64_t number, unit_list units);

}  // namespace millrace::detail
