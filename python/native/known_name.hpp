// Names that the engine keeps views of.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace millrace::python {

/// The same text, for as long as the process lives. Any thread.
inline std::string_view known_name(std::string_view name) {
  static std::mutex mutex;
  static auto* const names = new std::set<std::string, std::less<>>;
  const std::lock_guard lock(mutex);
  return *names->emplace(name).first;
}

}  // namespace millrace::python
