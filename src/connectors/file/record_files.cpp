#include "millrace/detail/file/record_files.hpp"

#include <cstring>

#include "millrace/detail/formats/csv_text.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/detail/storage/text_blocks.hpp"
#include "millrace/error.hpp"
#include "storage/compression.hpp"

namespace millrace::detail {
namespace {

// JSON is read where it lies in a block.
static_assert(json_reader::padding <= text_block_reader::readable_after);

/// The lines of a file, each with its end.
class numbered_lines {
 public:
  numbered_lines(const std::string& path, std::size_t most)
      : blocks_(decompressed(file_system_for(path).open_read(path), compression_of(path)), 0,
                text_block_reader::whole_file,
                {.line_limit = std::max(most + 2, text_block_reader::options{}.block)}) {}

  bool next(std::string_view& line) {
    if (rest_.empty() && !blocks_.next(rest_)) return false;
    const std::size_t end = rest_.find_first_of("\r\n");
    const std::size_t after = end == std::string_view::npos           ? rest_.size()
                              : rest_.substr(end).starts_with("\r\n") ? end + 2
                                                                      : end + 1;
    line = rest_.substr(0, after);
    rest_.remove_prefix(after);
    ++number_;
    return true;
  }
  /// Of the line that was last returned, from 1.
  std::int64_t number() const { return number_; }

 private:
  text_block_reader blocks_;
  std::string_view rest_;
  std::int64_t number_ = 0;
};

std::string_view without_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

struct record_file::state {
  const record_format& format;
  const std::string path;
  numbered_lines lines;
  std::unique_ptr<json_reader> json{};
  std::unique_ptr<csv_reader> csv{};
  std::int64_t first_line = 0;  // of the record
  std::string several{};        // a record of several lines
  bool header_read = false;
  void* row = nullptr;  // the memory of one
  bool made = false;

  state(const record_format& f, const std::string& p) : format(f), path(p), lines(p, f.most_bytes) {
    const row_type& type = *f.columns.row().type;
    row = ::operator new(type.size, std::align_val_t(type.align));
  }
  ~state() {
    const row_type& type = *format.columns.row().type;
    drop();
    ::operator delete(row, std::align_val_t(type.align));
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  void drop() {
    if (made) destroy_rows(*format.columns.row().type, row, 1);
    made = false;
  }

  /// The next record that is not blank, without its end.
  bool next(std::string_view& record) {
    do {
      if (!lines.next(record)) return false;
      first_line = lines.number();
      if (csv != nullptr && record.find('"') != std::string_view::npos) whole(record);
    } while (is_blank(record));
    record = without_end(record);
    return true;
  }
  /// The lines that follow, as long as a quote is open.
  void whole(std::string_view& record) {
    csv_record_end end(format.delimiter);
    if (end.feed(record)) return;
    several = record;
    for (std::string_view line; several.size() <= format.most_bytes && lines.next(line);) {
      several += line;
      if (end.feed(line)) break;
    }
    record = several;
  }

  void refuse(const std::string& why, std::string_view bytes) const {
    const std::string source = "file " + std::string(format.name);
    const std::string position = path + ", line " + std::to_string(first_line);
    reject(format.bad_records, {source, position, why, bytes});
  }

  bool read(std::string_view record) {
    if (record.size() > format.most_bytes) {
      refuse(
          "the record is longer than max_record, " + std::to_string(format.most_bytes) + " bytes",
          record);
      return false;
    }
    try {
      if (json != nullptr) json->read(record, row);
      else csv->read(record, row);
      return made = true;
    } catch (const record_error& e) {
      refuse(e.what(), record);
      return false;
    }
  }
};

record_file::record_file(const record_format& format, const std::string& path)
    : state_(new state(format, path)) {
  if (format.name == "json")
    state_->json =
        std::make_unique<json_reader>(format.columns, json_reading{format.missing, format.extra});
  else
    state_->csv = std::make_unique<csv_reader>(
        format.columns, csv_reading{format.delimiter, format.missing, format.extra});
}
record_file::~record_file() = default;

void* record_file::next() {
  state& s = *state_;
  s.drop();
  for (std::string_view record; s.next(record);) {
    if (s.format.header && !s.header_read) {
      s.header_read = true;
      try {
        s.csv->header(record);
      } catch (const record_error& e) {
        // Without it no line of the file can be read.
        throw error("a CSV file's header can't be taken (" + std::string(e.what()) +
                    "): " + s.path);
      }
      continue;
    }
    if (s.read(record)) return s.row;
  }
  return nullptr;
}

}  // namespace millrace::detail
