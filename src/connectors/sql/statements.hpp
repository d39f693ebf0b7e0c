// The statements of a sink, in each database's dialect.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "connectors/sql/database_url.hpp"

namespace millrace::detail {

/// In the database's quotes; a table's name may have its schema before a dot. usage_error: it is
/// empty or holds what no statement can carry.
std::string quoted_name(database kind, const std::string& name);
std::string quoted_table(database kind, const std::string& name);

struct table_statement {
  std::string table;
  std::vector<std::string> columns;
  std::vector<std::string> key;  // empty: rows are inserted, never changed
};

/// For `rows` rows at once, with values :v0, :v1 … row by row.
std::string write_rows(database kind, const table_statement& to, std::size_t rows);

/// The table of what was written: made if it is not there; whether (:application, :operation,
/// :batch, :partition) is in it, as a count; putting that in.
std::string create_bookkeeping(database kind, const std::string& table);
std::string find_written(database kind, const std::string& table);
std::string add_written(database kind, const std::string& table);

}  // namespace millrace::detail
