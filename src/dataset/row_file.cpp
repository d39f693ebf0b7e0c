#include "dataset/row_file.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {
constexpr std::string_view kind = "rows of ";
// Rows without bytes must not make one endless frame.
constexpr std::uint64_t most_rows = std::uint64_t{1} << 20;
}  // namespace

row_file_writer::row_file_writer(output_file& to, const row_type& rows)
    : frames_(to, std::string(kind) + signature_of(rows)), rows_(rows) {}

void row_file_writer::append(const chunk& rows) {
  const char* row = static_cast<const char*>(rows.rows);
  for (std::uint32_t i = 0; i < rows.count; ++i, row += rows_.size) {
    const std::size_t before = encoded_.size();
    try {
      encode_row(rows_, row, encoded_);
    } catch (...) {
      encoded_.truncate(before);
      throw;
    }
    ++waiting_;
    if (encoded_.size() >= frame_bytes || waiting_ == most_rows) flush();
  }
}

void row_file_writer::finish() {
  flush();
  frames_.finish();
}

void row_file_writer::flush() {
  if (waiting_ == 0) return;
  frames_.frame(encoded_.view(), std::exchange(waiting_, 0));
  encoded_.clear();
}

namespace {

class row_file_cursor final : public cursor {
 public:
  row_file_cursor(std::unique_ptr<input_file> file, const row_type& rows)
      : path_(file->path()), frames_(std::move(file)), rows_(rows) {
    const std::string expected = std::string(kind) + signature_of(rows);
    if (frames_.description() != expected)
      throw usage_error("the file holds other rows than it is read as; it holds " +
                        frames_.description() + ", and not " + expected + ": \"" + path_ + "\"");
  }

  flow step(const sink& to) override {
    while (left_ == 0) {
      if (in_.remaining() != 0) refuse("bytes are left after the last row of a frame");
      if (!frames_.next(frame_)) return flow::enough;
      in_ = byte_reader(frame_.payload);
      left_ = frame_.records;
    }
    rows_.clear();
    rows_.texts().clear();
    const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(left_, chunk_rows));
    try {
      for (std::uint32_t i = 0; i < n; ++i) {
        decode_row(rows_.type(), rows_.place(), in_, rows_.texts());
        rows_.added();
      }
    } catch (const error& e) {
      refuse(std::string("a row cannot be decoded (") + e.what() + ")");
    }
    left_ -= n;
    return to({rows_.data(), n, true});
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    frames_.refuse(what, frame_.offset + in_.offset());
  }

  std::string path_;
  framed_reader frames_;
  row_buffer rows_;
  framed_reader::frame frame_;
  byte_reader in_{nullptr, 0};
  std::uint64_t left_ = 0;  // rows of the frame
};

}  // namespace

std::unique_ptr<cursor> read_row_file(std::unique_ptr<input_file> file, const row_type& rows) {
  return std::make_unique<row_file_cursor>(std::move(file), rows);
}

}  // namespace millrace::detail
