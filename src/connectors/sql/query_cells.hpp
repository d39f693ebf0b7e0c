// The rows of a query, as text and numbers.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "connectors/sql/session.hpp"

namespace millrace::detail {

/// One thread.
class query_cells {
 public:
  /// `real`: for each column whether it is fetched as a number (SQLite's text of those is not
  /// exact). usage_error: the query gives another number of columns.
  query_cells(const std::string& url, const std::string& query, const std::vector<bool>& real);
  ~query_cells();
  query_cells(const query_cells&) = delete;
  query_cells& operator=(const query_cells&) = delete;

  /// False: there are no more rows.
  bool next();
  /// Of the row that was fetched, until the next.
  bool is_null(std::size_t column) const { return cells_[column].indicator == soci::i_null; }
  const std::string& text(std::size_t column) const { return cells_[column].text; }
  double real(std::size_t column) const { return cells_[column].real; }

 private:
  struct cell {
    soci::indicator indicator = soci::i_ok;
    std::string text{};
    double real = 0;
  };

  sql_session session_;
  std::deque<cell> cells_;
  std::unique_ptr<soci::statement> statement_;
};

}  // namespace millrace::detail
