#include "millrace/detail/formats/cells.hpp"
#include "millrace/detail/formats/csv_text.hpp"

namespace millrace::detail {

csv_printer::csv_printer(const row_columns& columns, char delimiter)
    : columns_(columns), delimiter_(delimiter) {}

/// An empty text has quotes, so that it is told from nothing at all.
void csv_printer::cell(std::string_view text, std::string& out) const {
  bool quotes = text.empty() || text.front() == ' ' || text.back() == ' ';
  for (const char c : text)
    quotes = quotes || c == delimiter_ || c == '"' || c == '\n' || c == '\r';
  if (!quotes) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::string csv_printer::header() const {
  std::string out;
  for (const row_columns::column& c : columns_) {
    if (&c != &columns_[0]) out += delimiter_;
    cell(c.name, out);
  }
  return out += '\n';
}

void csv_printer::print(const void* row, std::string& out) const {
  std::string text;
  for (const row_columns::column& c : columns_) {
    if (&c != &columns_[0]) out += delimiter_;
    text.clear();
    if (print_cell(c, row, text)) cell(text, out);
  }
  out += '\n';
}

}  // namespace millrace::detail
