// Rows in framed files: object files, checkpoints, blocks that went to disk.
#pragma once

#include <cstdint>
#include <memory>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/detail/dataset/cursor.hpp"
#include "millrace/detail/dataset/row_type.hpp"
#include "storage/framed_file.hpp"

namespace millrace::detail {

/// Encodes rows into frames of about `frame_bytes`. One thread. The caller syncs and closes `to`
/// after `finish`.
class row_file_writer {
 public:
  static constexpr std::size_t frame_bytes = std::size_t{256} << 10;

  row_file_writer(output_file& to, const row_type& rows);
  /// Throws what a codec throws; the rows before are kept.
  void append(const chunk& rows);
  void finish();

  /// So far, what still waits for its frame left out.
  [[nodiscard]] std::uint64_t bytes() const { return frames_.bytes(); }
  [[nodiscard]] std::uint64_t rows() const { return frames_.records() + waiting_; }

 private:
  void flush();

  framed_writer frames_;
  const row_type& rows_;
  byte_writer encoded_;
  std::uint64_t waiting_ = 0;  // rows in encoded_
};

/// Reads them back, a chunk at a time, each with its text in memory of the cursor's. Throws
/// `usage_error` where the rows are of another type (`signature_of` differs), and `error`, here or
/// from `step`, where the file is damaged, with file and offset.
std::unique_ptr<cursor> read_row_file(std::unique_ptr<input_file> file, const row_type& rows);

}  // namespace millrace::detail
