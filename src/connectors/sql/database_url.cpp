#include "connectors/sql/database_url.hpp"

#include <cstdlib>
#include <utility>
#include <vector>

#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  // The URL itself is not shown: it may hold a password.
  throw usage_error(
      "a database's URL is like sqlite:///path, postgresql://user@host/database or "
      "mysql://user@host/database: " +
      why);
}

int hexadecimal(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hexadecimal(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hexadecimal(text[i + 2]) : -1;
    if (high < 0 || low < 0) refuse("a % is not followed by two hexadecimal digits");
    plain += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (plain.find('\0') != std::string::npos) refuse("it holds a zero byte");
  return plain;
}

/// What is before the first `c`, taken off with it; none: `whole` is all of it or nothing.
std::string_view take_to(std::string_view& text, char c, bool whole) {
  const std::size_t at = text.find(c);
  if (at == std::string_view::npos) return whole ? std::exchange(text, {}) : std::string_view();
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at + 1);
  return taken;
}

std::string secret_of_file(const std::string& path) {
  const auto file = file_system_for(path).open_read(path);
  std::string text(static_cast<std::size_t>(file->size()), '\0');
  text.resize(file->read_at(0, text.data(), text.size()));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

std::string secret_of_environment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  if (value == nullptr) refuse("this environment variable is not set: " + name);
  return value;
}

using parameters = std::vector<std::pair<std::string, std::string>>;

/// libpq's own form of a URL. (SOCI 4.0 spoils its other form where values are in quotes.)
std::string postgresql_connection(const parameters& all) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text = "postgresql:///";
  for (const auto& [name, value] : all) {
    text += text.ends_with('/') ? '?' : '&';
    text += name + "=";
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      text += '%';
      text += digits[byte / 16];
      text += digits[byte % 16];
    }
  }
  return text;
}

/// As SOCI reads it for MySQL.
std::string mysql_connection(const parameters& all) {
  std::string text;
  for (const auto& [name, value] : all) {
    text += name + "='";
    for (const char c : value) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += "' ";
  }
  return text;
}

struct server_names {
  const char* database;
  const char* password;
};

database_url server_url(database kind, std::string_view rest) {
  const server_names names = kind == database::postgresql ? server_names{"dbname", "password"}
                                                          : server_names{"db", "pass"};
  database_url url{kind, {}, kind == database::postgresql ? "postgresql://" : "mysql://", {}};
  std::string_view query = rest;
  std::string_view place = take_to(query, '?', true);
  parameters all;

  // The last @ ends who we are: a password may hold one.
  const std::size_t at = place.substr(0, place.find('/')).rfind('@');
  if (at != std::string_view::npos) {
    std::string_view who = place.substr(0, at);
    place.remove_prefix(at + 1);
    const std::string user = decoded(take_to(who, ':', true));
    all.emplace_back("user", user);
    url.shown += user + "@";
    url.password = decoded(who);
  }
  std::string_view host = take_to(place, '/', true);
  url.shown += std::string(host) + "/" + decoded(place);
  if (host.starts_with('[')) {
    host.remove_prefix(1);
    const std::string_view address = take_to(host, ']', false);
    if (address.empty()) refuse("a [ is not closed");
    all.emplace_back("host", address);
    if (!host.empty()) take_to(host, ':', true);
  } else if (const std::string name = decoded(take_to(host, ':', true)); !name.empty()) {
    all.emplace_back("host", name);
  }
  if (!host.empty()) all.emplace_back("port", host);
  if (place.empty()) refuse("the database's name is missing");
  all.emplace_back(names.database, decoded(place));

  while (!query.empty()) {
    std::string_view one = take_to(query, '&', true);
    const std::string name = decoded(take_to(one, '=', true));
    const std::string value = decoded(one);
    if (name == "password_env") url.password = secret_of_environment(value);
    else if (name == "password_file") url.password = secret_of_file(value);
    else if (name == "password" || name == "pass") url.password = value;
    else if (kind == database::mysql && name == "socket") all.emplace_back("unix_socket", value);
    else all.emplace_back(name, value);
  }
  if (!url.password.empty()) all.emplace_back(names.password, url.password);
  if (kind == database::mysql) all.emplace_back("charset", "utf8mb4");
  url.connection =
      kind == database::postgresql ? postgresql_connection(all) : mysql_connection(all);
  return url;
}

}  // namespace

database_url parse_database_url(std::string_view text) {
  std::string_view rest = text;
  const std::string_view scheme = take_to(rest, ':', false);
  const bool server = rest.starts_with("//");
  if (server) rest.remove_prefix(2);
  if (scheme == "sqlite" || scheme == "sqlite3") {
    const std::string path = decoded(rest);
    if (path.empty()) refuse("the file is missing");
    if (path == ":memory:")
      refuse("a database in memory is another one for each connection: name a file");
    if (path.find('"') != std::string::npos) refuse("SOCI takes no quote in a file's name");
    return {database::sqlite, "dbname=\"" + path + "\" timeout=10", "sqlite:" + path, {}};
  }
  if ((scheme == "postgresql" || scheme == "postgres") && server)
    return server_url(database::postgresql, rest);
  if ((scheme == "mysql" || scheme == "mariadb") && server)
    return server_url(database::mysql, rest);
  refuse(scheme.empty() ? std::string("there is no scheme")
                        : "there is no such scheme: " + std::string(scheme));
}

}  // namespace millrace::detail
