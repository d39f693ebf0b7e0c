// Columns as cells of text: what CSV and SQL share.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/formats/row_text.hpp"

namespace millrace::detail {

/// Appends what a column of the row is as text: scalars as they print, what has no form of its own
/// as JSON. False, and nothing appended: an optional that is empty.
bool print_cell(const row_columns::column& column, const void* row, std::string& out);

/// Sets columns of rows from such text. One thread; keeps memory from one to the next.
class cell_reader {
 public:
  cell_reader(const row_columns& columns, json_reading how);
  ~cell_reader();
  cell_reader(const cell_reader&) = delete;
  cell_reader& operator=(const cell_reader&) = delete;

  const row_columns& columns() const { return columns_; }
  /// Over the column of the row that is there, which is whole afterwards in any case. Empty: done;
  /// else why not.
  std::string set(std::size_t column, std::string_view text, void* row);

 private:
  row_columns columns_;
  std::vector<std::unique_ptr<json_reader>> json_;  // for columns that are no scalars
};

}  // namespace millrace::detail
