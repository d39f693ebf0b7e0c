#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "connectors/sql/session.hpp"

namespace millrace::detail {

/// Any thread.
class sql_connections {
 public:
  /// One that nobody uses, or a new one.
  std::unique_ptr<sql_session> take(const database_url& url);
  /// One that is whole: no transaction is open.
  void give_back(std::unique_ptr<sql_session> session);

  /// Calls `make()` once for each table; again where it threw.
  template <class Make>
  void make_once(const database_url& url, const std::string& table, Make make) {
    const std::lock_guard lock(making_);
    const std::string name = url.connection + " " + table;
    if (made_.count(name) != 0) return;
    make();
    made_.insert(name);
  }

 private:
  static constexpr std::size_t most_idle = 64;

  std::mutex making_;
  std::set<std::string> made_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<sql_session>> idle_;
};

}  // namespace millrace::detail
