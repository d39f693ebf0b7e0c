// The datasets of a stream that windows are going to read again, as checkpoints see them.
#pragma once

#include <chrono>
#include <string>

#include "streaming/recovery/kept_state.hpp"

namespace millrace::detail {

/// The datasets that `of` had in the last `back`, for the windows of `window`: what these batches
/// gave cannot be asked for again after a restart. Both outlive it.
kept_state_ptr kept_rows(stream_node& of, std::chrono::milliseconds back,
                         const stream_node& window);

}  // namespace millrace::detail
