// Rows as records of comma-separated values (RFC 4180), untyped.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/formats/row_text.hpp"

namespace millrace::detail {

struct csv_reading {
  char delimiter = ',';
  missing_fields missing = missing_fields::fail;
  extra_fields extra = extra_fields::ignore;
};

/// Where records end: a line's end within quotes does not end one. Fed line by line.
class csv_record_end {
 public:
  explicit csv_record_end(char delimiter) : delimiter_(delimiter) {}
  /// Whether the record ends with this text; if so, the next begins anew.
  bool feed(std::string_view text);

 private:
  enum class place { front, plain, quoted, quote };
  char delimiter_;
  place at_ = place::front;
};

/// Reads records into rows. One thread; keeps memory from one to the next.
class csv_reader {
 public:
  csv_reader(const row_columns& columns, csv_reading how);
  ~csv_reader();
  csv_reader(const csv_reader&) = delete;
  csv_reader& operator=(const csv_reader&) = delete;

  /// From now on cells belong to the columns that have these names; before, by position.
  void header(std::string_view record);
  /// Constructs a row at `to` of a record without its line end. record_error: it is none, and
  /// nothing is left constructed.
  void read(std::string_view record, void* to);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Appends rows as records, each with "\n" at its end.
class csv_printer {
 public:
  csv_printer(const row_columns& columns, char delimiter);
  std::string header() const;
  void print(const void* row, std::string& out) const;

 private:
  void cell(std::string_view text, std::string& out) const;

  row_columns columns_;
  char delimiter_;
};

}  // namespace millrace::detail
