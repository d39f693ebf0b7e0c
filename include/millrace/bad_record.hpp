// Records that a source or a function that parses can't take, and what becomes of them.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// The policy of a source, or of a function that parses.
enum class on_bad_record {
  fail,  ///< the task or the stream stops with an error that says where the record was
  /// The record is kept on disk as it came, with its place and the reason, and left out
  /// (`millrace/dead_letters.hpp` reads it back). Goes to the setting deadLetters.directory, else
  /// to `dead_letters` in the checkpoint directory; where there is neither it is refused at start.
  /// Once these have deadLetters.maxBytes a further one is a failure: nothing is dropped unseen.
  quarantine,
  skip,  ///< the record is left out, counted and reported
};

/// All views are used within the call only.
struct bad_record {
  std::string_view source;    ///< what it came from: "file csv /in", "kafka clicks"
  std::string_view position;  ///< where in there: "/in/a.csv, line 7, offset 312"
  std::string_view reason;    ///< why it can't be taken, in words
  std::string_view bytes;     ///< as it came
};

/// Does what `policy` says with a record: returns when it was left out, throws `error` where it is
/// fatal. Each one is an event (`streaming_listener::bad_record`); the log names the first, second,
/// fourth, eighth … of each source with how many there have been.
///
/// Called in a task: by a source's `read`, or by a function of the program that parses. Any thread
/// that runs one; elsewhere a usage_error. A task or a batch that runs again reports again; a
/// record of the same source, position and bytes is kept once.
///
///     lines.flat_map([](std::string_view line, mr::emit<click>& out) {
///       if (auto one = parse(line)) out(*one);
///       else mr::reject(mr::on_bad_record::quarantine, {"clicks", "", "is no click", line});
///     });
void reject(on_bad_record policy, const bad_record& what);

}  // namespace millrace
