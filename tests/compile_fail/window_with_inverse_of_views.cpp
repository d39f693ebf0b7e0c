// expect: a window with an inverse keeps cannot be views
#include <string_view>

#include "millrace/streaming_context.hpp"

void misuse(const millrace::dstream<std::pair<int, std::string_view>>& words) {
  const auto either = [](std::string_view a, std::string_view) { return a; };
  words.reduce_by_key_and_window(either, either, {.length = std::chrono::seconds(2)});
}
