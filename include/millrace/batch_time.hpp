#pragma once

#include <chrono>

namespace millrace {

/// The time of a batch: milliseconds since 1970, UTC.
using batch_time = std::chrono::sys_time<std::chrono::milliseconds>;

}  // namespace millrace
