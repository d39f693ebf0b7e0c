#include "connectors/sql/statements.hpp"

#include <algorithm>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

std::string joined(database kind, const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) {
    if (!all.empty()) all += ", ";
    all += quoted_name(kind, name);
  }
  return all;
}

/// What happens to a row that is there.
std::string change(database kind, const table_statement& to) {
  std::string set;
  for (const std::string& column : to.columns) {
    if (std::find(to.key.begin(), to.key.end(), column) != to.key.end()) continue;
    const std::string name = quoted_name(kind, column);
    if (!set.empty()) set += ", ";
    set += name + (kind == database::mysql ? " = VALUES(" + name + ")" : " = excluded." + name);
  }
  if (kind == database::mysql) {
    // MySQL has no "nothing": a key is set to what it is.
    const std::string key = quoted_name(kind, to.key.front());
    return " ON DUPLICATE KEY UPDATE " + (set.empty() ? key + " = " + key : set);
  }
  return " ON CONFLICT (" + joined(kind, to.key) + ") DO " +
         (set.empty() ? "NOTHING" : "UPDATE SET " + set);
}

}  // namespace

std::string quoted_name(database kind, const std::string& name) {
  // A colon would be taken for the name of a value.
  if (name.empty() || name.find_first_of(std::string("\0:", 2)) != std::string::npos)
    throw usage_error("SQL: a name is empty, or holds a colon or a zero byte: \"" + name + "\"");
  const char quote = kind == database::mysql ? '`' : '"';
  std::string quoted(1, quote);
  for (const char c : name) {
    if (c == quote) quoted += quote;
    quoted += c;
  }
  return quoted += quote;
}

std::string quoted_table(database kind, const std::string& name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos) return quoted_name(kind, name);
  return quoted_name(kind, name.substr(0, dot)) + "." + quoted_name(kind, name.substr(dot + 1));
}

std::string write_rows(database kind, const table_statement& to, std::size_t rows) {
  std::string text =
      "INSERT INTO " + quoted_table(kind, to.table) + " (" + joined(kind, to.columns) + ") VALUES ";
  std::size_t value = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    text += row == 0 ? "(" : ", (";
    for (std::size_t column = 0; column < to.columns.size(); ++column) {
      if (column != 0) text += ", ";
      text += ":v" + std::to_string(value++);
    }
    text += ')';
  }
  return to.key.empty() ? text : text + change(kind, to);
}

std::string create_bookkeeping(database kind, const std::string& table) {
  const std::string text = kind == database::mysql
                               ? "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"
                               : "VARCHAR(255) NOT NULL";
  const auto name = [&](const char* column) { return quoted_name(kind, column); };
  return "CREATE TABLE IF NOT EXISTS " + quoted_table(kind, table) + " (" + name("application") +
         " " + text + ", " + name("operation") + " " + text + ", " + name("batch") +
         " BIGINT NOT NULL, " + name("partition") + " INTEGER NOT NULL, PRIMARY KEY (" +
         joined(kind, {"application", "operation", "batch", "partition"}) + "))";
}

std::string find_written(database kind, const std::string& table) {
  const auto name = [&](const char* column) { return quoted_name(kind, column); };
  return "SELECT COUNT(*) FROM " + quoted_table(kind, table) + " WHERE " + name("application") +
         " = :application AND " + name("operation") + " = :operation AND " + name("batch") +
         " = :batch AND " + name("partition") + " = :partition";
}

std::string add_written(database kind, const std::string& table) {
  return "INSERT INTO " + quoted_table(kind, table) + " (" +
         joined(kind, {"application", "operation", "batch", "partition"}) +
         ") VALUES (:application, :operation, :batch, :partition)";
}

}  // namespace millrace::detail
