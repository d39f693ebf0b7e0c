// The master string: where a program runs.
#pragma once

#include <string_view>

namespace millrace::program {

struct master {
  int threads = 1;
  int max_failures = 1;
};

/// `local`, `local[N]`, `local[*]`, `local[N,F]`, `local[*,F]`. Throws usage_error for anything
/// else.
master parse_master(std::string_view text);

/// The cores this process may use: its affinity, and the quota of its cgroup.
int usable_cores();

}  // namespace millrace::program
