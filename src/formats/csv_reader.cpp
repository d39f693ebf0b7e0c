#include <simdjson.h>

#include "millrace/detail/formats/cells.hpp"
#include "millrace/detail/formats/csv_text.hpp"

namespace millrace::detail {

bool csv_record_end::feed(std::string_view text) {
  for (const char c : text) {
    switch (at_) {
      case place::quoted:
        if (c == '"') at_ = place::quote;
        break;
      case place::quote:
        if (c == '"') {
          at_ = place::quoted;
          break;
        }
        [[fallthrough]];
      case place::plain: at_ = c == delimiter_ ? place::front : place::plain; break;
      case place::front:
        if (c == '"') at_ = place::quoted;
        else if (c != delimiter_) at_ = place::plain;
        break;
    }
  }
  if (at_ == place::quoted) return false;
  at_ = place::front;
  return true;
}

struct csv_reader::state {
  struct cell {
    std::string_view text;
    bool quoted;
    std::size_t offset;
  };

  row_columns columns;
  csv_reading how;
  /// The column of each cell; columns.size(): none. Without a header: cells by position.
  std::vector<std::size_t> places{};
  bool has_header = false;
  cell_reader values{columns, {how.missing, how.extra}};
  std::vector<cell> cells{};
  std::string unquoted{};

  [[noreturn]] void refuse(const std::string& why, std::size_t column, std::size_t offset) const {
    throw record_error("CSV: " + why,
                       column < columns.size() ? columns[column].name : std::string(), offset);
  }

  /// Into `cells`; what had doubled quotes lies in `unquoted`.
  void cut(std::string_view record) {
    if (!simdjson::validate_utf8(record.data(), record.size()))
      refuse("this is not UTF-8", columns.size(), 0);
    cells.clear();
    unquoted.clear();
    unquoted.reserve(record.size());
    for (std::size_t i = 0;; ++i) {
      const std::size_t begin = i;
      if (i < record.size() && record[i] == '"') {
        i = cut_quoted(record, i);
        if (i < record.size() && record[i] != how.delimiter)
          refuse("after a closing quote must come a delimiter", columns.size(), i);
      } else {
        i = std::min(record.find(how.delimiter, i), record.size());
        const std::string_view text = record.substr(begin, i - begin);
        if (text.find('"') != std::string_view::npos)
          refuse("a quote is within a cell that does not begin with one", columns.size(), begin);
        cells.push_back({text, false, begin});
      }
      if (i == record.size()) return;
    }
  }
  std::size_t cut_quoted(std::string_view record, std::size_t begin) {
    const std::size_t from = unquoted.size();
    std::size_t i = begin + 1;
    for (;; ++i) {
      const std::size_t quote = record.find('"', i);
      if (quote == std::string_view::npos) refuse("a quote is never closed", columns.size(), begin);
      unquoted.append(record, i, quote - i);
      i = quote + 1;
      if (i == record.size() || record[i] != '"') break;
      unquoted += '"';
    }
    // It never grows past what was reserved, so that what was cut before stays where it is.
    cells.push_back({std::string_view(unquoted).substr(from), true, begin});
    return i;
  }

  std::size_t column_of(std::size_t i) const {
    return has_header ? places[i] : std::min(i, columns.size());
  }

  void read(std::string_view record, char* row) {
    cut(record);
    const std::size_t expected = has_header ? places.size() : columns.size();
    if (has_header && cells.size() != expected)
      refuse("the record has another number of cells than the header: " +
                 std::to_string(cells.size()) + ", not " + std::to_string(expected),
             columns.size(), 0);
    if (cells.size() > expected && how.extra == extra_fields::fail)
      refuse("the record has more cells than there are fields: " + std::to_string(cells.size()),
             columns.size(), cells[expected].offset);
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (const std::size_t at = column_of(i); at < columns.size()) value(at, cells[i], row);
    if (!has_header && how.missing == missing_fields::fail)
      for (std::size_t i = cells.size(); i < columns.size(); ++i)
        if (columns[i].row->type->kind != row_kind::optional)
          refuse("this field is missing", i, record.size());
  }

  void value(std::size_t at, const cell& in, char* row) {
    const bool optional = columns[at].row->type->kind == row_kind::optional;
    if (optional && in.text.empty() && !in.quoted) return;  // as it was made: none
    std::string why = values.set(at, in.text, row);
    if (why.empty()) return;
    if (is_scalar_text(*columns[at].row->type) || optional) why += ": " + std::string(in.text);
    refuse(why, at, in.offset);
  }
};

csv_reader::csv_reader(const row_columns& columns, csv_reading how)
    : state_(new state{columns, how}) {
  if (how.delimiter == '"' || how.delimiter == '\n' || how.delimiter == '\r')
    throw usage_error("csv: this can't be the delimiter");
}
csv_reader::~csv_reader() = default;

void csv_reader::header(std::string_view record) {
  state& s = *state_;
  s.cut(record);
  s.places.clear();
  std::vector<bool> seen(s.columns.size());
  for (const state::cell& c : s.cells) {
    const std::size_t at = s.columns.find(c.text, s.places.size() % s.columns.size());
    if (at == s.columns.size()) {
      if (s.how.extra == extra_fields::fail)
        s.refuse("no field of the row has this name: \"" + std::string(c.text) + "\"",
                 s.columns.size(), c.offset);
    } else {
      if (seen[at]) s.refuse("the header has this name twice", at, c.offset);
      seen[at] = true;
    }
    s.places.push_back(at);
  }
  s.has_header = true;
  if (s.how.missing == missing_fields::keep_default) return;
  for (std::size_t i = 0; i < seen.size(); ++i)
    if (!seen[i] && s.columns[i].row->type->kind != row_kind::optional)
      s.refuse("the header has no such name", i, 0);
}

void csv_reader::read(std::string_view record, void* to) {
  const named_row& row = state_->columns.row();
  row.make(to);
  try {
    state_->read(record, static_cast<char*>(to));
  } catch (...) {
    destroy_rows(*row.type, to, 1);
    throw;
  }
}

}  // namespace millrace::detail
