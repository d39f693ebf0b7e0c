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
///     --supervise[=TIMES]     starts the program again when it dies, see below
///     --help                  says this and ends
///
/// also as --name=value. What follows `--`, and what does not begin with `-`, is the program's own;
/// any other option is an error.
///
/// Returns 0 when the stream was stopped, by the program or by SIGINT or SIGTERM; 1 when it failed,
/// 2 where the command line, the options or the graph can't be: the error is printed to the
/// standard error, once.
///
/// With `--supervise` this process only waits: the program runs in a child, from the beginning of
/// `main` on, and is started again when it returns 1, is killed or crashes; after a second at
/// first, then after twice as long each time, up to a minute; ten times in a row, or TIMES. A run
/// of a minute begins a new row. Where it returned 0 or 2, was told to stop, or died too often, its
/// status is returned (128 and the number of the signal that ended it). SIGTERM and SIGINT, and
/// SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2, are passed on. So `main` should do nothing before `launch`
/// that must not happen twice.
[[nodiscard]] int launch(int argc, const char* const* argv, streaming_context_options options,
                         const std::function<void(streaming_context&)>& build);

}  // namespace millrace
