#include "connectors/sql/query_cells.hpp"

#include "millrace/error.hpp"

namespace millrace::detail {

query_cells::query_cells(const std::string& url, const std::string& query,
                         const std::vector<bool>& real)
    : session_(parse_database_url(url)) {
  session_.run("the query", [&](soci::session& s) {
    statement_ = std::make_unique<soci::statement>(s);
    for (const bool is_real : real) {
      cell& to = cells_.emplace_back();
      if (is_real) statement_->exchange(soci::into(to.real, to.indicator));
      else statement_->exchange(soci::into(to.text, to.indicator));
    }
    statement_->alloc();
    statement_->prepare(query);
    statement_->define_and_bind();
    statement_->execute(false);
  });
  const int given = session_.columns_of(*statement_);
  if (given != static_cast<int>(real.size()))
    throw usage_error("SQL: the query gives another number of columns than the row has fields: " +
                      std::to_string(given) + ", not " + std::to_string(real.size()));
}
query_cells::~query_cells() = default;

bool query_cells::next() {
  bool any = false;
  session_.run("fetching rows", [&](soci::session&) { any = statement_->fetch(); });
  return any;
}

}  // namespace millrace::detail
