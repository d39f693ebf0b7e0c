// A connection, and what its errors mean.
#pragma once

#include <soci/soci.h>

#include <memory>
#include <string>

#include "connectors/sql/database_url.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

/// What a database says of a failed operation, in a message without the password.
class sql_failure final : public error {
 public:
  enum class meaning {
    /// It may go well if the whole transaction is run again: a deadlock, a serialisation failure, a
    /// lost or refused connection (then a commit may have happened or not), a busy file.
    passing,
    /// A row with this key is there.
    duplicate,
    lasting,
  };
  sql_failure(const std::string& text, meaning what) : error(text), meaning_(what) {}
  meaning what_it_means() const { return meaning_; }

 private:
  meaning meaning_;
};

/// One connection. One thread. Every member throws sql_failure.
class sql_session {
 public:
  explicit sql_session(const database_url& url);

  const database_url& url() const { return url_; }
  void execute(const std::string& statement);
  /// How many columns the result of a statement that was executed has.
  int columns_of(soci::statement& executed) const;
  /// Calls `use(session)`; its errors are put in words with `doing` in front.
  template <class Use>
  void run(const char* doing, Use use) {
    try {
      use(session_);
    } catch (const soci::soci_error& e) {
      fail(doing, e);
    }
  }

 private:
  [[noreturn]] void fail(const char* doing, const soci::soci_error& e) const;

  database_url url_;
  soci::session session_;
};

}  // namespace millrace::detail
