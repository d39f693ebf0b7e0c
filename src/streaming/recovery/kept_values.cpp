#include "streaming/recovery/kept_values.hpp"

#include <algorithm>

namespace millrace::detail {

std::vector<kept_value> values_of(engine& of) {
  std::vector<kept_value> values;
  byte_writer bytes;
  for (const accumulated_ptr& one : of.accumulators().all()) {
    std::string signature = one->signature();
    const bool known = std::any_of(values.begin(), values.end(), [&](const kept_value& other) {
      return other.name == one->name();
    });
    if (one->name().empty() || signature.empty() || known) continue;
    bytes.clear();
    one->write(bytes);
    values.push_back({one->name(), std::move(signature), std::string(bytes.view())});
  }
  return values;
}

void restore_values(engine& to, const std::vector<kept_value>& values) {
  const std::vector<accumulated_ptr> all = to.accumulators().all();
  for (const kept_value& value : values) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const accumulated_ptr& one) {
      return one->name() == value.name && one->signature() == value.signature;
    });
    if (found == all.end()) continue;
    byte_reader bytes(value.value);
    (*found)->read(bytes);
  }
}

}  // namespace millrace::detail
