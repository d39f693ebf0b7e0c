// The rows of a query, field by field.
#include <charconv>
#include <new>

#include "connectors/sql/query_cells.hpp"
#include "millrace/detail/formats/cells.hpp"
#include "millrace/detail/sql/table_writer.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

const row_type& value_type(const named_row& row) {
  return row.type->kind == row_kind::optional ? *row.parts[0]->type : *row.type;
}

std::vector<bool> real_ones(const row_columns& columns) {
  std::vector<bool> real;
  for (const row_columns::column& c : columns)
    real.push_back(value_type(*c.row).kind == row_kind::floating);
  return real;
}

}  // namespace

struct query_rows::state {
  query_cells cells;
  cell_reader values;
  std::vector<bool> real;
  std::int64_t number = 0;
  void* row = nullptr;  // the memory of one
  bool made = false;

  state(const std::string& url, const std::string& query, const row_columns& columns)
      : cells(url, query, real_ones(columns)), values(columns, {}), real(real_ones(columns)) {
    const row_type& type = *columns.row().type;
    row = ::operator new(type.size, std::align_val_t(type.align));
  }
  ~state() {
    drop();
    ::operator delete(row, std::align_val_t(values.columns().row().type->align));
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  void drop() {
    if (made) destroy_rows(*values.columns().row().type, row, 1);
    made = false;
  }

  [[noreturn]] void refuse(const std::string& why, std::size_t column) const {
    throw error("SQL: " + why + ", in row " + std::to_string(number) + " of the query, column " +
                std::to_string(column + 1) + " for the field \"" + values.columns()[column].name +
                "\"");
  }

  void set(std::size_t i) {
    const named_row& column = *values.columns()[i].row;
    if (cells.is_null(i)) {
      if (column.type->kind != row_kind::optional) refuse("NULL, and the field is not optional", i);
      return;  // as it was made: none
    }
    std::string text;
    if (real[i]) {
      char digits[64];
      const auto end = std::to_chars(digits, digits + sizeof digits, cells.real(i)).ptr;
      text.assign(digits, end);
    } else {
      text = cells.text(i);
    }
    if (value_type(column).kind == row_kind::boolean) {
      if (text == "1" || text == "t") text = "true";
      else if (text == "0" || text == "f") text = "false";
    }
    const std::string why = values.set(i, text, row);
    if (!why.empty()) refuse(why + ": " + text, i);
  }
};

query_rows::query_rows(const std::string& url, const std::string& query, const row_columns& columns)
    : state_(new state(url, query, columns)) {}
query_rows::~query_rows() = default;

void* query_rows::next() {
  state& me = *state_;
  me.drop();
  if (!me.cells.next()) return nullptr;
  ++me.number;
  me.values.columns().row().make(me.row);
  me.made = true;
  for (std::size_t i = 0; i < me.real.size(); ++i) me.set(i);
  return me.row;
}

}  // namespace millrace::detail
