#include "connectors/sql/session.hpp"

#include <mysql.h>
#include <soci/mysql/soci-mysql.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <algorithm>
#include <array>
#include <mutex>

namespace millrace::detail {
namespace {

using meaning = sql_failure::meaning;

meaning of_postgresql(const soci::soci_error& e, const std::string& text) {
  const auto* const known = dynamic_cast<const soci::postgresql_soci_error*>(&e);
  const std::string state = known == nullptr ? "" : known->sqlstate().c_str();
  if (state == "23505") return meaning::duplicate;
  // Serialisation, deadlock, shut down, starting, too many clients, read-only after a failover.
  for (const char* passing : {"40001", "40P01", "57P01", "57P02", "57P03", "53300", "25006"})
    if (state == passing) return meaning::passing;
  if (state.starts_with("08")) return meaning::passing;
  // No state: the server did not answer. When it refused us, only its words tell.
  const bool answered = state.size() == 5 && state.find(' ') == std::string::npos;
  if (answered) return meaning::lasting;
  for (const char* refused : {"authentication failed", "does not exist", "pg_hba.conf",
                              "no password supplied", "invalid connection option"})
    if (text.find(refused) != std::string::npos) return meaning::lasting;
  return meaning::passing;
}

meaning of_mysql(const soci::soci_error& e) {
  const auto* const known = dynamic_cast<const soci::mysql_soci_error*>(&e);
  if (known == nullptr) return meaning::lasting;
  if (known->err_num_ == 1062) return meaning::duplicate;
  // Deadlock, lock timeout; too many clients, shutting down, killed; cannot connect, gone, lost.
  constexpr std::array<unsigned, 14> passing{1213, 1205, 1040, 1053, 1077, 1317, 1203,
                                             1927, 2002, 2003, 2006, 2012, 2013, 2055};
  return std::find(passing.begin(), passing.end(), known->err_num_) != passing.end()
             ? meaning::passing
             : meaning::lasting;
}

meaning of_sqlite(const soci::soci_error& e, const std::string& text) {
  if (text.find("UNIQUE constraint failed") != std::string::npos) return meaning::duplicate;
  const auto* const known = dynamic_cast<const soci::sqlite3_soci_error*>(&e);
  constexpr int busy = 5;
  constexpr int locked = 6;
  const int code = known == nullptr ? 0 : known->result() & 0xff;
  const bool said = text.find("database is locked") != std::string::npos;
  return code == busy || code == locked || said ? meaning::passing : meaning::lasting;
}

const soci::backend_factory& factory_of(database kind) {
  switch (kind) {
    case database::sqlite: return *soci::factory_sqlite3();
    case database::postgresql: return *soci::factory_postgresql();
    case database::mysql: break;
  }
  // The library's own first call is not made for several threads.
  static const int ready = mysql_library_init(0, nullptr, nullptr);
  if (ready != 0) throw error("the MySQL client library could not be started");
  return *soci::factory_mysql();
}

}  // namespace

sql_session::sql_session(const database_url& url) : url_(url) {
  run("connecting", [&](soci::session& s) { s.open(factory_of(url_.kind), url_.connection); });
}

void sql_session::execute(const std::string& statement) {
  run("executing a statement", [&](soci::session& s) { s.once << statement; });
}

int sql_session::columns_of(soci::statement& executed) const {
  // What SOCI has for it executes the statement once more.
  soci::details::statement_backend* const of = executed.get_backend();
  switch (url_.kind) {
    case database::sqlite:
      return sqlite_api::sqlite3_column_count(
          static_cast<soci::sqlite3_statement_backend&>(*of).stmt_);
    case database::postgresql:
      return PQnfields(static_cast<soci::postgresql_statement_backend&>(*of).result_.get_result());
    case database::mysql: break;
  }
  MYSQL_RES* const result = static_cast<soci::mysql_statement_backend&>(*of).result_;
  return result == nullptr ? 0 : static_cast<int>(mysql_num_fields(result));
}

void sql_session::fail(const char* doing, const soci::soci_error& e) const {
  std::string text = e.get_error_message();
  if (!url_.password.empty())
    for (std::size_t at = 0; (at = text.find(url_.password, at)) != std::string::npos;)
      text.replace(at, url_.password.size(), "***");
  while (text.ends_with('\n') || text.ends_with(' ')) text.pop_back();
  const meaning what = url_.kind == database::postgresql ? of_postgresql(e, text)
                       : url_.kind == database::mysql    ? of_mysql(e)
                                                         : of_sqlite(e, text);
  throw sql_failure(std::string("SQL: ") + doing + " failed (" + text + "): " + url_.shown, what);
}

}  // namespace millrace::detail
