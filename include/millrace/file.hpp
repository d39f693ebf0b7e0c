// Files: those that appear in a directory, and those that batches write.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/detail/file/part_files.hpp"
#include "millrace/file_stream_options.hpp"
#include "millrace/sink.hpp"

namespace millrace::file {

/// Lines of text. A value is a source and a sink.
///
/// **Source**: `ssc.stream(mr::file::text{.directory = "in"})`, or in short
/// `ssc.text_file_stream("in")`, gives the lines of files that appear in a directory (or in those
/// that a glob names), as `std::string_view`s: each file once, in the batch after it appeared. Move
/// files in when they are complete. What was compressed is told by the name (`.gz .zst .lz4 .bz2`).
///
/// **Sink**: `stream.write(mr::file::text{.directory = "out"})` writes each row as a line, as
/// `save_as_text_file` prints it, into files `<application>.<operation>.<batch>.<partition>.txt`,
/// exactly once: a batch's files appear when all of them are on disk, under names that its
/// identity decides, and a batch that is run again after they did is left out. When nothing can be
/// written (a full disk, say) the batch fails with the system's words, and no file of it is seen.
///
/// What it must know is kept in `<directory>/_millrace`, which readers of directories skip as
/// hidden: see docs/formats/file_sink.md. Several streams and programs may share a directory, not
/// two running programs of one name.
struct text {
  using record_type = std::string_view;

  std::string directory{};
  file_stream_options read{};
  writing_options write{};

  /// For the engine.
  std::shared_ptr<detail::file_output_state> state = detail::new_file_output();

  detail::stream_ptr make_stream(const detail::stream_engine_ptr& engine) const {
    return detail::text_directory(engine, detail::directory_of(directory, read));
  }
  template <class T>
  detail::written_files prepare(const output_id& id, partition_rows<T>& rows) const {
    detail::part_writer to(output(), id, detail::text_lines(detail::row_type_of<T>()));
    for (const T& row : rows) to.add(&row);
    return to.finish();
  }
  bool committed(const output_id& batch) const { return detail::files_committed(output(), batch); }
  void commit(const output_id& batch, const std::vector<detail::written_files>& files) const {
    detail::commit_files(output(), batch, files);
  }

 private:
  detail::file_output output() const { return {directory, write, state}; }
};

}  // namespace millrace::file
