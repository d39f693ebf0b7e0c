// Rows as JSON text, and scalars as text, untyped.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "millrace/detail/formats/named_row.hpp"
#include "millrace/error.hpp"

namespace millrace {

/// What becomes of a field that the input leaves out.
enum class missing_fields {
  fail,          ///< a bad record; but an optional one is empty then
  keep_default,  ///< it has the value that a new row has
};
/// What becomes of something in the input that no field has the name of.
enum class extra_fields { ignore, fail };

}  // namespace millrace

namespace millrace::detail {

/// A record of an input that can't become a row: why, in which field ("" where none: else names
/// with dots and positions, `orders[2].price`), at which byte of the record.
class record_error final : public error {
 public:
  record_error(const std::string& why, std::string field, std::size_t offset);
  ~record_error() override;
  const std::string& field() const { return field_; }
  std::size_t offset() const { return offset_; }

 private:
  std::string field_;
  std::size_t offset_;
};

struct json_reading {
  missing_fields missing = missing_fields::fail;
  extra_fields extra = extra_fields::ignore;
};

/// Reads JSON values into rows. One thread; keeps memory from one to the next.
class json_reader {
 public:
  /// `padding` bytes after a text must be readable; their content means nothing.
  static constexpr std::size_t padding = 64;

  json_reader(const row_columns& columns, json_reading how);
  ~json_reader();
  json_reader(const json_reader&) = delete;
  json_reader& operator=(const json_reader&) = delete;

  /// Constructs a row at `to` of one value that is all of `text` but white space. record_error: it
  /// is none, and nothing is left constructed.
  void read(std::string_view text, void* to);
  /// The same of text that nothing needs to follow.
  void read_copy(std::string_view text, void* to);

 private:
  struct parser;
  std::unique_ptr<parser> parser_;
};

/// Appends the row as one JSON value without white space. Throws `error` where text in it is not
/// UTF-8, with the field.
void print_json(const row_columns& columns, const void* row, std::string& out);
void print_json(const named_row& row, const void* at, std::string& out);

/// Boolean, character, integer, floating, text, time: what a cell holds as it is.
bool is_scalar_text(const row_type& type);
/// Constructs a scalar that is not a view: what `print_row` printed, and times in any form of ISO
/// 8601. Null: done; else why not.
const char* scalar_of_text(const row_type& type, std::string_view text, void* to);

}  // namespace millrace::detail
