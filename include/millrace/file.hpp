// Files: those that appear in a directory, and those that batches write.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/bad_record.hpp"
#include "millrace/detail/file/part_files.hpp"
#include "millrace/detail/file/record_files.hpp"
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
/// hidden: see docs/formats/file_sink.md. Several streams and programs may share a directory; of
/// two running programs of one name the older one fails.
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
    return detail::write_part(output(), id, detail::text_lines(detail::row_type_of<T>()), rows);
  }
  bool committed(const output_id& batch) const { return detail::files_committed(output(), batch); }
  void commit(const output_id& batch, const std::vector<detail::written_files>& files) const {
    detail::commit_files(output(), batch, files);
  }
  void ended(const output_id& last) const { detail::show_held_files(output(), last); }

 private:
  detail::file_output output() const { return {directory, write, state}; }
};

/// Files with one JSON value on each line, read into rows field by field, as `mr::json::parse` does
/// (see json.hpp for which row is which JSON):
///
///     struct click { std::string user; std::int64_t item; std::optional<std::string> from; };
///     ssc.stream(mr::file::json<click>{.directory = "in"})
///
/// Otherwise as the source `text`; a file is a partition, however large. Blank lines are left out.
/// A line that is no row goes the way of `on_bad_record`, with file, line, byte and field. Numbers
/// that are out of the field's range are refused, never cut.
template <class T = void>
struct json {
  using record_type = T;

  std::string directory{};
  file_stream_options read{};
  /// Other names for the fields of the row, in their order; by default their own.
  std::vector<std::string> columns{};
  missing_fields missing = missing_fields::fail;
  extra_fields extra = extra_fields::ignore;
  millrace::on_bad_record on_bad_record = millrace::on_bad_record::fail;
  /// Bytes of a line; a longer one is a bad record, past 64 MiB an error.
  std::size_t max_record = std::size_t{1} << 20;

  /// For the engine.
  detail::stream_ptr make_stream(const detail::stream_engine_ptr& engine) const {
    detail::directory_options files = detail::directory_of(directory, read);
    files.bad_records = on_bad_record;
    return detail::record_stream<T>(detail::path_directory(engine, std::move(files)),
                                    {"json",
                                     {"file::json", detail::named_row_of<T>(), columns},
                                     missing,
                                     extra,
                                     on_bad_record,
                                     max_record});
  }
  /// Refuses to be a sink, in words.
  template <class Row>
  void write(const output_id&, partition_rows<Row>&) const {
    static_assert(sizeof(Row) == 0,
                  "millrace: mr::file::json<T> reads files. What writes them names no type: "
                  "mr::file::json<>{.directory = …}.");
  }
};

/// A sink: each row a line of JSON, otherwise as the sink `text`.
template <>
struct json<void> {
  std::string directory{};
  writing_options write{};
  /// Other names for the fields of the row, in their order; by default their own, of a pair `_1`
  /// and `_2`.
  std::vector<std::string> columns{};

  /// For the engine.
  std::shared_ptr<detail::file_output_state> state = detail::new_file_output();

  template <class T>
  detail::written_files prepare(const output_id& id, partition_rows<T>& rows) const {
    return detail::write_part(
        output(), id, detail::json_lines({"file::json", detail::named_row_of<T>(), columns}), rows);
  }
  bool committed(const output_id& batch) const { return detail::files_committed(output(), batch); }
  void commit(const output_id& batch, const std::vector<detail::written_files>& files) const {
    detail::commit_files(output(), batch, files);
  }
  void ended(const output_id& last) const { detail::show_held_files(output(), last); }

 private:
  detail::file_output output() const { return {directory, write, state}; }
};

/// Files of comma-separated values (RFC 4180), read into rows field by field. The first record of a
/// file names the columns, which may come in any order; without a header they are the fields in
/// their order. Cells in quotes may hold delimiters, quotes and line ends.
///
/// Numbers, booleans (`true`, `false`), text, characters and times (ISO 8601) are what they are; an
/// optional field is empty where the cell is, without quotes; what has no form of its own here
/// (vectors, maps, aggregates within the row) is JSON in the cell. The rest as `json`.
template <class T = void>
struct csv {
  using record_type = T;

  std::string directory{};
  file_stream_options read{};
  bool header = true;
  char delimiter = ',';
  std::vector<std::string> columns{};
  missing_fields missing = missing_fields::fail;
  extra_fields extra = extra_fields::ignore;
  millrace::on_bad_record on_bad_record = millrace::on_bad_record::fail;
  std::size_t max_record = std::size_t{1} << 20;

  /// For the engine.
  detail::stream_ptr make_stream(const detail::stream_engine_ptr& engine) const {
    detail::directory_options files = detail::directory_of(directory, read);
    files.bad_records = on_bad_record;
    return detail::record_stream<T>(detail::path_directory(engine, std::move(files)),
                                    {"csv",
                                     {"file::csv", detail::named_row_of<T>(), columns},
                                     missing,
                                     extra,
                                     on_bad_record,
                                     max_record,
                                     delimiter,
                                     header});
  }
  /// Refuses to be a sink, in words.
  template <class Row>
  void write(const output_id&, partition_rows<Row>&) const {
    static_assert(sizeof(Row) == 0,
                  "millrace: mr::file::csv<T> reads files. What writes them names no type: "
                  "mr::file::csv<>{.directory = …}.");
  }
};

/// A sink: each row a record, each file with a header unless told otherwise; otherwise as the sink
/// `text`.
template <>
struct csv<void> {
  std::string directory{};
  writing_options write{};
  bool header = true;
  char delimiter = ',';
  std::vector<std::string> columns{};

  /// For the engine.
  std::shared_ptr<detail::file_output_state> state = detail::new_file_output();

  template <class T>
  detail::written_files prepare(const output_id& id, partition_rows<T>& rows) const {
    return detail::write_part(
        output(), id,
        detail::csv_lines({"file::csv", detail::named_row_of<T>(), columns}, delimiter, header),
        rows);
  }
  bool committed(const output_id& batch) const { return detail::files_committed(output(), batch); }
  void commit(const output_id& batch, const std::vector<detail::written_files>& files) const {
    detail::commit_files(output(), batch, files);
  }
  void ended(const output_id& last) const { detail::show_held_files(output(), last); }

 private:
  detail::file_output output() const { return {directory, write, state}; }
};

}  // namespace millrace::file
