// Tables of SQLite, PostgreSQL and MySQL (MariaDB): exactly-once sinks, and queries as datasets.
// Link millrace::sql.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/sql/table_writer.hpp"
#include "millrace/sink.hpp"

namespace millrace::sql {

// A database is named by a URL:
//
//     sqlite:totals.db                             a file, made if it is not there
//     sqlite:///var/lib/app/totals.db
//     postgresql://user:password@host:5432/database?sslmode=require
//     mysql://user:password@host/database?socket=/run/mysqld/mysqld.sock        mariadb:// too
//
// Parts may be %-encoded; what is after the ? goes to the client library (PostgreSQL's connection
// parameters; for MySQL `socket`, `connect_timeout`, `read_timeout`, `sslca` …). Do not write
// passwords into programs: ?password_env=NAME takes it from the environment, ?password_file=PATH
// from a file. No message shows it.

/// A sink that inserts each row: `stream.write(mr::sql::insert{.url = …, .table = "clicks"})`.
///
/// **Exactly once.** The rows of a partition are written in one transaction, together with a row
/// (application, operation, batch, partition) in the table `bookkeeping`, which is made if it is
/// not there. It is looked for first, in the same transaction: what was committed before is left
/// out. So the table of rows and that one must lie in the same database (in MySQL both in InnoDB),
/// and a batch must have the partitions that it had before when it is run again. Rows of batches
/// that can't come again may be deleted from it.
///
/// **Columns** are the row's fields by their names, or `columns`, which pairs and tuples want. An
/// optional that is empty is NULL; times are ISO 8601; what SQL has no form for (vectors, maps,
/// aggregates within the row) is JSON text. The table must exist. Names are quoted, values bound.
///
/// **Failures.** A deadlock, a serialisation failure, a lost or refused connection: the whole
/// transaction is run again, with growing pauses, for `retry_for`; then the task fails. When the
/// connection is lost while it commits, the row in `bookkeeping` tells whether it did. The rows are
/// kept for that until the commit, `most_kept` bytes of them; a partition with more fails at once.
struct insert {
  std::string url{};
  std::string table{};
  std::vector<std::string> columns{};
  std::string bookkeeping = "millrace_batches";
  std::chrono::milliseconds retry_for{60'000};
  std::size_t most_kept = std::size_t{256} << 20;

  /// For the engine.
  std::shared_ptr<detail::sql_connections> connections = detail::new_sql_connections();

  template <class T>
  void write(const output_id& id, partition_rows<T>& rows) const {
    detail::table_writer to({url, table, {}, bookkeeping, retry_for, most_kept, connections}, id,
                            {"sql::insert", detail::named_row_of<T>(), columns});
    for (const T& row : rows) to.add(&row);
    to.finish();
  }
};

/// `.key = "word"`, or `.key = {"word", "city"}`.
struct key_columns : std::vector<std::string> {
  using std::vector<std::string>::vector;
  key_columns() = default;
  key_columns(std::vector<std::string> columns) : vector(std::move(columns)) {}
  key_columns(std::string column) { push_back(std::move(column)); }
  key_columns(const char* column) { push_back(column); }
};

/// The same, but a row whose `key` columns are there already takes its place: all other columns are
/// set. The table must have a primary key or a unique index of these columns; with MySQL, of all
/// its unique indexes any may be the one. Of several rows with one key the last one counts.
struct upsert {
  std::string url{};
  std::string table{};
  key_columns key{};
  std::vector<std::string> columns{};
  std::string bookkeeping = "millrace_batches";
  std::chrono::milliseconds retry_for{60'000};
  std::size_t most_kept = std::size_t{256} << 20;

  /// For the engine.
  std::shared_ptr<detail::sql_connections> connections = detail::new_sql_connections();

  template <class T>
  void write(const output_id& id, partition_rows<T>& rows) const {
    if (key.empty()) throw usage_error("sql::upsert: the key's columns are missing");
    detail::table_writer to({url, table, key, bookkeeping, retry_for, most_kept, connections}, id,
                            {"sql::upsert", detail::named_row_of<T>(), columns});
    for (const T& row : rows) to.add(&row);
    to.finish();
  }
};

/// What a query gives, as a dataset of one partition: `mr::sql::query<user>(sc, url, "SELECT id,
/// name FROM users")`, for joins say. The columns are the row's fields in their order, whatever
/// their names; NULL is for optional fields alone. The query runs when the dataset does, each time
/// anew: `cache()` keeps what it gave. It is not retried but as its task is.
template <class T, class Context>
auto query(const Context& sc, std::string url, std::string text) {
  static_assert(!detail::holds_views_v<T>,
                "millrace: this row would view a result that is gone; use std::string fields.");
  const detail::named_row& row = detail::named_row_of<T>();
  return sc
      .parallelize(
          std::vector<std::pair<std::string, std::string>>{{std::move(url), std::move(text)}}, 1)
      .flat_map([&row](const std::pair<std::string, std::string>& what, emit<T>& out) {
        detail::query_rows rows(what.first, what.second, {"sql::query", row, {}});
        while (!out.enough()) {
          T* const one = static_cast<T*>(rows.next());
          if (one == nullptr) return;
          out(std::move(*one));
        }
      });
}

/// Runs one statement that gives no rows, as CREATE TABLE. Throws `error`.
inline void execute(const std::string& url, const std::string& statement) {
  detail::execute_sql(url, statement);
}

}  // namespace millrace::sql
