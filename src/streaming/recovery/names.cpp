#include "streaming/recovery/names.hpp"

#include <map>

namespace millrace::detail {

std::vector<std::string> input_names(const stream_graph& graph) {
  std::vector<std::string> names;
  std::map<std::string, int> known;
  for (const auto& input : graph.inputs()) {
    std::string name = input->name();
    const int same = ++known[name];
    if (same > 1) {
      name += '#';
      name += std::to_string(same);
    }
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace millrace::detail
