// A command that runs beside us, with its input and output in our hands.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::detail {

/// Starts a program, found as the shell would find it. Its standard error is ours. Neither writing
/// nor reading ever waits: `wait` does, for both at once. Ended hard when destroyed. One thread.
class child_process {
 public:
  /// Throws error where it cannot be started, with the command in the text.
  explicit child_process(const std::vector<std::string>& command);
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process();

  /// Writes what its input takes now; returns how much. One that reads no more takes everything,
  /// which is lost.
  std::size_t write(std::string_view text);
  void end_of_input();
  /// Reads what its output has now, after what `to` holds, at most `limit` bytes. False: nothing
  /// more will come.
  bool read(std::string& to, std::size_t limit);
  /// Waits until it may read (with `to_write`: or write) more, or 100 ms.
  void wait(bool to_write) const;

  /// Waits for its end, 100 ms at most. False: it has not ended. Else `text` is "status 3" or
  /// "signal 9", empty for success.
  bool ended(std::string& text);

 private:
  pid_t id_ = -1;
  int in_ = -1;
  int out_ = -1;
};

}  // namespace millrace::detail
