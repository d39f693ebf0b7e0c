// Rows as JSON: for records of message brokers, columns of databases, and what a program likes.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "millrace/detail/formats/row_text.hpp"

namespace millrace::json {

struct reading {
  missing_fields missing = missing_fields::fail;
  extra_fields extra = extra_fields::ignore;
};

/// A row from JSON text, field by field, by their names:
///
///     struct click { std::string user; std::optional<int> age; std::vector<std::string> tags; };
///     auto c = mr::json::parse<click>(R"({"user": "ada", "tags": ["x"], "other": 1})");
///
/// | row | JSON |
/// |---|---|
/// | aggregate; pair, tuple | object, the fields' names; `_1`, `_2` … |
/// | number, bool | number, true or false; nan and infinities as text |
/// | text, character, time | text; ISO 8601 (`2024-05-01T12:00:00Z`), spans of time as `200ms` |
/// | optional | null or the value; may be left out |
/// | vector, array, set … | array |
/// | map | object; keys that are numbers as text |
/// | variant | the first alternative of that kind |
///
/// Throws `error` with the place and the field where the text is no JSON, not UTF-8, of another
/// kind than the field, out of its range, or has a name twice. What is skipped is not looked into.
template <class T>
T parse(std::string_view text, const reading& how = {}) {
  static_assert(!detail::holds_views_v<T>,
                "millrace: this row would view JSON text that is gone; use std::string fields.");
  detail::row_shape<T> row;
  detail::json_reader({"json::parse", detail::named_row_of<T>(), {}}, {how.missing, how.extra})
      .read_copy(text, &row.row);
  T result = std::move(row.row);
  row.row.~T();
  return result;
}

/// The row as JSON without white space, which `parse` reads. Throws `error` where text in it is not
/// UTF-8.
template <class T>
std::string text(const T& row) {
  std::string out;
  detail::print_json({"json::text", detail::named_row_of<T>(), {}}, &row, out);
  return out;
}

}  // namespace millrace::json
