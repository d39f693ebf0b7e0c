// Reads back the bad records that were kept.
#pragma once

#include <string>

#include "millrace/context.hpp"
#include "millrace/dead_letter.hpp"

namespace millrace {

/// The dead letters of a directory (deadLetters.directory, or `dead_letters` in a checkpoint
/// directory), in the order in which they were kept; one partition a file. To replay them, push
/// what becomes of them into a queue stream:
///
///     mr::rdd_queue<click> again;
///     again.push(mr::dead_letters(sc, "state/dead_letters")
///                    .filter([](const mr::dead_letter& one) { return one.source == "clicks"; })
///                    .map([](const mr::dead_letter& one) { return parse_better(one.bytes); }));
///
/// A directory that is not there holds none. A damaged file fails its task with path and offset;
/// one whose writer died, or is at work, gives what is whole of it.
rdd<dead_letter> dead_letters(const context& sc, const std::string& directory);

}  // namespace millrace
