// Rows in encoded form, in memory or on disk: kept partitions, spilled outputs, sorted runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/detail/dataset/cursor.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "storage/spill_space.hpp"

namespace millrace::detail {

/// What a row is sorted by when it lies in a sorted run, and a number that goes with it.
struct row_order {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
};

/// Frames of up to `chunk_rows` rows. One writer; any number of readers once it is finished.
/// Within a process only: a trivial row is written as it lies in memory.
class row_frames {
 public:
  static constexpr std::size_t most_bytes = std::size_t{256} << 10;

  /// `disk` null: in memory. `ordered`: each row comes with its order.
  row_frames(const row_type& rows, spill_space* disk, bool ordered = false);

  void append(const void* rows, std::size_t n, const row_order* orders = nullptr);
  void append(const chunk& rows) { append(rows.rows, rows.count); }
  void finish();

  const row_type& type() const { return *type_; }
  std::uint64_t rows() const { return rows_; }
  /// Encoded.
  std::uint64_t bytes() const { return bytes_; }
  /// About what the rows take in memory.
  std::size_t bytes_in_memory() const;
  bool on_disk() const { return disk_ != nullptr; }
  /// The same rows on disk. Those that read these go on.
  row_frames moved_to(spill_space& disk) const;

 private:
  friend class frame_reader;
  struct frame {
    std::string memory;
    spill_space::piece disk;
    std::uint32_t rows = 0;
  };
  void flush();

  const row_type* type_;
  spill_space* disk_;
  bool ordered_;
  std::uint32_t most_rows_;  // of a frame
  std::vector<frame> frames_;
  std::uint64_t rows_ = 0;
  std::uint64_t bytes_ = 0;
  // The frame that is being filled.
  byte_writer encoded_;
  std::vector<row_order> orders_;
  std::uint32_t waiting_ = 0;
};

/// Reads frames in turn; what it gives lives until the next.
class frame_reader {
 public:
  explicit frame_reader(const row_frames& from) : from_(&from), rows_(from.type()) {}

  /// False: there are no more.
  bool next();
  row_buffer& rows() { return rows_; }
  const row_buffer& rows() const { return rows_; }
  const row_order* orders() const { return orders_.data(); }

 private:
  const row_frames* from_;
  std::size_t at_ = 0;
  row_buffer rows_;
  std::vector<row_order> orders_;
  std::vector<char> bytes_;
};

/// Gives the rows and holds them meanwhile.
std::unique_ptr<cursor> read_rows(std::shared_ptr<const row_frames> rows);

}  // namespace millrace::detail
