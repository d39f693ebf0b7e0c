#include "millrace/detail/formats/named_row.hpp"

#include "millrace/error.hpp"

namespace millrace::detail {

row_columns::row_columns(std::string_view what, const named_row& row,
                         const std::vector<std::string>& names)
    : row_(&row) {
  if (row.type->kind != row_kind::record) {
    columns_.push_back({"value", &row, 0});
  } else {
    for (std::size_t i = 0; i < row.parts.size(); ++i)
      columns_.push_back({std::string(row.names[i]), row.parts[i],
                          row.type->field(static_cast<std::uint32_t>(i)).offset});
  }
  if (names.empty()) return;
  if (names.size() != columns_.size())
    throw usage_error(
        std::string(what) + ": the row has " + std::to_string(columns_.size()) +
        " fields, and there are so many names for them: " + std::to_string(names.size()));
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) throw usage_error(std::string(what) + ": a column's name is empty");
    if (find(names[i], 0) < i)
      throw usage_error(std::string(what) + ": a column is there twice: " + names[i]);
    columns_[i].name = names[i];
  }
}

std::size_t row_columns::find(std::string_view name, std::size_t likely) const {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::size_t at = likely + i < columns_.size() ? likely + i : likely + i - columns_.size();
    if (columns_[at].name == name) return at;
  }
  return columns_.size();
}

}  // namespace millrace::detail
