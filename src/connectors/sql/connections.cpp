#include "connectors/sql/connections.hpp"

#include "millrace/detail/sql/table_writer.hpp"

namespace millrace::detail {

std::shared_ptr<sql_connections> new_sql_connections() noexcept {
  try {
    return std::make_shared<sql_connections>();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

std::unique_ptr<sql_session> sql_connections::take(const database_url& url) {
  {
    const std::lock_guard lock(mutex_);
    for (auto at = idle_.begin(); at != idle_.end(); ++at) {
      if ((*at)->url().connection != url.connection) continue;
      std::unique_ptr<sql_session> session = std::move(*at);
      idle_.erase(at);
      return session;
    }
  }
  return std::make_unique<sql_session>(url);
}

void sql_connections::give_back(std::unique_ptr<sql_session> session) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < most_idle) idle_.push_back(std::move(session));
}

}  // namespace millrace::detail
