// expect: state outlives the text that a view in it would refer to
#include <string_view>

#include "millrace/streaming_context.hpp"

void misuse(const millrace::dstream<std::pair<int, std::string_view>>& words) {
  words.update_state_by_key<std::string_view>(
      [](std::span<const std::string_view> values, std::optional<std::string_view> before) {
        return values.empty() ? before : values.back();
      });
}
