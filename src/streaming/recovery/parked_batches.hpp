// What becomes of batches that were parked, while no program runs on their checkpoint directory.
#pragma once

#include <string>

#include "millrace/detail/storage/file_system.hpp"
#include "streaming/recovery/checkpoint.hpp"

namespace millrace::detail {

/// The next start of the program runs the batch again. usage_error: there is no such batch, it is
/// not parked, or a program is using the directory.
void retry_parked(file_system& files, const std::string& directory, time_point_ms batch);
/// No start ever will. The same errors.
void discard_parked(file_system& files, const std::string& directory, time_point_ms batch);

}  // namespace millrace::detail
