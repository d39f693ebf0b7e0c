// The main function of a streaming application.
#pragma once

#include <functional>

#include "millrace/streaming_context.hpp"

namespace millrace {

/// Makes a streaming context of the options and the command line, lets `build` make the graph (it
/// must do nothing else: no input or output), starts it and waits for its end. For `main`:
///
///     return mr::launch(argc, argv, {.name = "clicks", .batch = 2s},
///                       [](mr::streaming_context& ssc) { … });
///
/// Of the command line it reads
///
///     --master MASTER         instead of .master
///     --checkpoint DIRECTORY  instead of .checkpoint
///     --conf NAME=VALUE       a setting more, as often as you like; the last one counts
///     --help                  says this and ends
///
/// also as --name=value. What follows `--`, and what does not begin with `-`, is the program's own;
/// any other option is an error.
///
/// Returns 0 when the stream was stopped, by the program or by SIGINT or SIGTERM; 1 when it failed,
/// 2 where the command line, the options or the graph can't be: the error is printed to the
/// standard error, once.
[[nodiscard]] int launch(int argc, const char* const* argv, streaming_context_options options,
                         const std::function<void(streaming_context&)>& build);

}  // namespace millrace
