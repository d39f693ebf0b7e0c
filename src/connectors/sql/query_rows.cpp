// The rows of a query, field by field.
#include <charconv>
#include <deque>
#include <new>

#include "connectors/sql/session.hpp"
#include "millrace/detail/formats/cells.hpp"
#include "millrace/detail/sql/table_writer.hpp"

namespace millrace::detail {
namespace {

const row_type& value_type(const named_row& row) {
  return row.type->kind == row_kind::optional ? *row.parts[0]->type : *row.type;
}

}  // namespace

struct query_rows::state {
  /// Of the row that was fetched. Floating numbers are fetched as such: SQLite's text of them is
  /// not exact.
  struct cell {
    soci::indicator indicator = soci::i_ok;
    std::string text{};
    double real = 0;
    bool is_real = false;
  };

  sql_session session;
  cell_reader values;
  std::deque<cell> cells{};
  std::unique_ptr<soci::statement> statement{};
  std::int64_t number = 0;
  void* row = nullptr;  // the memory of one
  bool made = false;

  state(const std::string& url, const row_columns& columns)
      : session(parse_database_url(url)), values(columns, {}) {
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
    cell& c = cells[i];
    const named_row& column = *values.columns()[i].row;
    if (c.indicator == soci::i_null) {
      if (column.type->kind != row_kind::optional) refuse("NULL, and the field is not optional", i);
      return;  // as it was made: none
    }
    if (c.is_real) {
      char digits[64];
      const auto end = std::to_chars(digits, digits + sizeof digits, c.real).ptr;
      c.text.assign(digits, end);
    }
    if (value_type(column).kind == row_kind::boolean) {
      if (c.text == "1" || c.text == "t") c.text = "true";
      else if (c.text == "0" || c.text == "f") c.text = "false";
    }
    const std::string why = values.set(i, c.text, row);
    if (!why.empty()) refuse(why + ": " + c.text, i);
  }
};

query_rows::query_rows(const std::string& url, const std::string& query, const row_columns& columns)
    : state_(new state(url, columns)) {
  state& me = *state_;
  me.session.run("the query", [&](soci::session& s) {
    me.statement = std::make_unique<soci::statement>(s);
    for (const row_columns::column& c : columns) {
      state::cell& to = me.cells.emplace_back();
      to.is_real = value_type(*c.row).kind == row_kind::floating;
      if (to.is_real) me.statement->exchange(soci::into(to.real, to.indicator));
      else me.statement->exchange(soci::into(to.text, to.indicator));
    }
    me.statement->alloc();
    me.statement->prepare(query);
    me.statement->define_and_bind();
    me.statement->execute(false);
  });
  const int given = me.session.columns_of(*me.statement);
  if (given != static_cast<int>(columns.size()))
    throw usage_error("SQL: the query gives another number of columns than the row has fields: " +
                      std::to_string(given) + ", not " + std::to_string(columns.size()));
}
query_rows::~query_rows() = default;

void* query_rows::next() {
  state& me = *state_;
  me.drop();
  bool any = false;
  me.session.run("fetching rows", [&](soci::session&) { any = me.statement->fetch(); });
  if (!any) return nullptr;
  ++me.number;
  me.values.columns().row().make(me.row);
  me.made = true;
  for (std::size_t i = 0; i < me.cells.size(); ++i) me.set(i);
  return me.row;
}

}  // namespace millrace::detail
