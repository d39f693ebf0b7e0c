#include "connectors/kafka/reporter.hpp"

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/engine/engine.hpp"

namespace millrace::detail::kafka {

void reporter::report(const std::string& text) const {
  log_warn(text);
  if (!to_->events().wanted()) return;
  event e{.what = event::kind::receiver_error};
  e.text = text;
  to_->events().publish(std::move(e));
}

}  // namespace millrace::detail::kafka
