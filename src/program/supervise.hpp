// A parent process that starts a program again when it dies.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace millrace::program {

struct supervision {
  std::string program = "/proc/self/exe";
  std::vector<std::string> arguments;  // with the program's name
  /// The program may die so often in a row; then the last status is returned.
  int most_restarts = 10;
  /// Before it is started again, twice as long each time.
  std::chrono::milliseconds first_pause{1000};
  std::chrono::milliseconds longest_pause{60'000};
  /// A run that lasts so long begins a new row.
  std::chrono::milliseconds steady{60'000};
};

/// Runs the program as a child until it ends well (status 0), says that it can't be (2), was told
/// to stop, or died too often. SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are passed on;
/// the child gets SIGTERM when this process is killed. Returns the child's last status, 128 and the
/// signal's number where a signal ended it. Throws `error` where no child can be made.
int supervise(const supervision& how);

}  // namespace millrace::program
