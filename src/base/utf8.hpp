#pragma once

#include <cstddef>
#include <string_view>

namespace millrace::detail {

/// Bytes of the UTF-8 character that `text` begins with; 0 where it begins with none: it is empty,
/// cut short, or not UTF-8 (surrogates and needlessly long forms are not).
[[nodiscard]] std::size_t utf8_length(std::string_view text);

}  // namespace millrace::detail
