// The batch log: what batches read and which are done (docs/formats/batch_log.md).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "storage/log_file.hpp"
#include "streaming/recovery/checkpoint.hpp"

namespace millrace::detail {

/// One file of it. One thread at a time, but for `flush` (see log_writer).
class batch_log_writer {
 public:
  /// Creates the file with its head, on the disk when it returns.
  batch_log_writer(file_system& files, std::string path, const log_head& head);

  /// Returns how many bytes there are now: what `synced` is to be told after a `flush`.
  std::uint64_t append(const log_record& record);
  std::uint64_t entries() const { return entries_; }

  void flush() { file_.flush(); }
  void synced(std::uint64_t up_to) { file_.synced(up_to); }
  std::uint64_t bytes() const { return file_.bytes(); }
  bool all_synced() const { return file_.all_synced(); }
  /// All is on the disk, and the end is marked.
  void close() { file_.close(); }

 private:
  log_entry entry_;
  log_writer file_;
  std::uint64_t entries_ = 0;  // without the head
};

/// Reads a file of the log. Throws `error` with path and offset where it is damaged.
class batch_log_reader {
 public:
  batch_log_reader(file_system& files, const std::string& path);

  /// False: its writer died before the head was on the disk, so that nothing was ever logged there.
  bool has_head() const { return has_head_; }
  const log_head& head() const { return head_; }
  bool next(log_record& record);
  /// After `next` said false: whether its writer marked the end.
  bool closed() const { return file_.closed(); }
  /// Why the last bytes do not count; empty: all do.
  std::string torn_text() const { return file_.torn_text(); }

 private:
  std::string path_;
  log_reader file_;
  log_head head_;
  bool has_head_ = false;
};

}  // namespace millrace::detail
