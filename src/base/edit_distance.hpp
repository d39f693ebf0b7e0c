#pragma once

#include <cstddef>
#include <string_view>

namespace millrace::detail {

/// How many characters must be changed, added or dropped to make one of the other: finds what was
/// meant by a name that does not exist.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace millrace::detail
