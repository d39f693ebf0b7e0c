// Troubles that a source can live with.
#pragma once

#include <memory>
#include <string>

namespace millrace::detail {
class engine;
}

namespace millrace::detail::kafka {

/// Tells the log and the listeners (`receiver_error`). Any thread.
class reporter {
 public:
  explicit reporter(std::shared_ptr<engine> to) : to_(std::move(to)) {}
  void report(const std::string& text) const;

 private:
  std::shared_ptr<engine> to_;
};

}  // namespace millrace::detail::kafka
