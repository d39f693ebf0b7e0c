// Files that become visible when their batch is committed.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/row_type.hpp"
#include "millrace/detail/formats/named_row.hpp"
#include "millrace/partition_rows.hpp"
#include "millrace/sink.hpp"

namespace millrace::file {

struct writing_options {
  /// `gzip`, `zstd`, `lz4`, `bzip2`; the names end in `.gz`, `.zst`, `.lz4`, `.bz2` then.
  std::string compression{};
  /// A partition goes on in another file once one has so many bytes, before compression; 0: never.
  std::uint64_t roll_bytes = 0;
  /// A partition's rows of all batches within so much time go to one file, or to several by
  /// roll_bytes. It appears with the batch that completes it, or when the stream is stopped: so
  /// rows are seen later than their batch is done, and never lost. Until then they lie on disk as
  /// they are, and are written once more. 0: each batch has files of its own.
  std::chrono::milliseconds roll_interval{0};
  /// Whether a partition without rows makes a file too.
  bool empty_files = false;
};

}  // namespace millrace::file

namespace millrace::detail {

/// How rows become the bytes of a file.
struct file_format {
  std::string_view extension;  // a literal, ".txt"
  std::string header{};        // what each file begins with
  std::shared_ptr<const void> state{};
  void (*print)(const void* state, const void* row, std::string& out) = nullptr;
};

struct written_file {
  std::string temporary;  // both below the sink's directory
  std::string name;
  std::uint64_t header = 0;  // bytes at the front that are no row's
  std::uint64_t bytes = 0;
};
using written_files = std::vector<written_file>;

enum class compression;

/// What copies of a sink share: the outputs that this run of the program has begun to write.
class file_output_state;
/// Null where memory is out, which the first use then says: a default of a sink's member that may
/// throw makes GCC 12 warn in every program.
std::shared_ptr<file_output_state> new_file_output() noexcept;

struct file_output {
  const std::string& directory;
  const file::writing_options& options;
  const std::shared_ptr<file_output_state>& state;
};

/// The rows of one partition and attempt, into files where nobody looks. One thread. What it wrote
/// is removed when it is destroyed without `finish`.
class part_writer {
 public:
  part_writer(const file_output& to, const output_id& id, file_format format);
  ~part_writer();
  part_writer(const part_writer&) = delete;
  part_writer& operator=(const part_writer&) = delete;

  void add(const void* row);
  /// All of it is on disk.
  written_files finish();

 private:
  struct open_file;
  void open();
  void flush();
  void end();

  file_output to_;
  file_format format_;
  std::string temporary_;  // what names begin with
  std::string name_;
  std::string end_;  // and what they end with
  compression codec_{};
  std::string text_;
  std::unique_ptr<open_file> file_;
  written_files files_;
  bool finished_ = false;
};

/// All rows of a partition.
template <class T>
written_files write_part(const file_output& to, const output_id& id, file_format format,
                         partition_rows<T>& rows) {
  part_writer part(to, id, std::move(format));
  for (const T& row : rows) part.add(&row);
  return part.finish();
}

/// A row a line: its text form, JSON, CSV.
file_format text_lines(const row_type& rows);
file_format json_lines(const row_columns& columns);
file_format csv_lines(const row_columns& columns, char delimiter, bool header);

bool files_committed(const file_output& to, const output_id& batch);
void commit_files(const file_output& to, const output_id& batch,
                  const std::vector<written_files>& partitions);
/// The stream has ended: what waits for later batches is seen.
void show_held_files(const file_output& to, const output_id& last);

}  // namespace millrace::detail
