// Where a database is, and who we are there.
#pragma once

#include <string>
#include <string_view>

namespace millrace::detail {

enum class database { sqlite, postgresql, mysql };

struct database_url {
  database kind;
  /// For SOCI. Holds the password: never to be shown.
  std::string connection;
  /// For messages: without the password.
  std::string shown;
  /// To be taken out of what a library says.
  std::string password;
};

/// `sqlite:PATH`, `sqlite:///PATH`; `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?NAME=VALUE&…`
/// (`postgres:` too), `mysql://…` (`mariadb:` too). Parts may be %-encoded. The password may also
/// come from `?password_env=NAME` or `?password_file=PATH`. usage_error: it is none of these.
database_url parse_database_url(std::string_view url);

}  // namespace millrace::detail
