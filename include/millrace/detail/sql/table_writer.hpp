// Rows of a partition into a table, in one transaction.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "millrace/detail/formats/named_row.hpp"
#include "millrace/sink.hpp"

namespace millrace::detail {

/// What copies of a sink share: connections that nobody uses at the moment.
class sql_connections;
/// Null where memory is out, which the first use then says: a default of a sink's member that may
/// throw makes GCC 12 warn in every program.
std::shared_ptr<sql_connections> new_sql_connections() noexcept;

struct table_output {
  std::string url;
  std::string table;
  std::vector<std::string> key;  // empty: insert
  std::string bookkeeping;
  std::chrono::milliseconds retry_for;
  std::size_t most_kept;
  std::shared_ptr<sql_connections> connections;
};

/// One thread. Nothing is sent before the first row. What was sent is rolled back when it is
/// destroyed without `finish`.
class table_writer {
 public:
  table_writer(table_output to, const output_id& id, const row_columns& columns);
  ~table_writer();
  table_writer(const table_writer&) = delete;
  table_writer& operator=(const table_writer&) = delete;

  void add(const void* row);
  /// Returns when it is committed, or was before.
  void finish();

 private:
  class transaction;
  std::unique_ptr<transaction> transaction_;
};

/// Runs one statement that gives no rows.
void execute_sql(const std::string& url, const std::string& statement);

/// The rows of a query. One thread.
class query_rows {
 public:
  query_rows(const std::string& url, const std::string& query, const row_columns& columns);
  ~query_rows();
  query_rows(const query_rows&) = delete;
  query_rows& operator=(const query_rows&) = delete;

  /// A row that is the caller's to move from until the next call; null: there are no more.
  void* next();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace millrace::detail
