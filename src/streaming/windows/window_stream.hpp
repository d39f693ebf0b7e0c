#pragma once

#include "millrace/detail/streaming/windows.hpp"

namespace millrace::detail {

/// The size with its slide filled in. usage_error where it is no multiple of the parent's slide.
window_size checked(const stream_node& parent, std::string_view operation, window_size size);

}  // namespace millrace::detail
