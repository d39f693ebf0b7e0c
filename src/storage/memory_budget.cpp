#include "storage/memory_budget.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

#include "millrace/detail/storage/memory.hpp"

namespace millrace::detail {

namespace {

/// The number in a file of one; `none` where it holds something else ("max") or is not there.
std::uint64_t number_in(const std::string& path) {
  constexpr std::uint64_t none = UINT64_MAX;
  std::ifstream file(path);
  std::string text;
  if (!(file >> text)) return none;
  std::uint64_t n = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
  return failed == std::errc{} && end == text.data() + text.size() ? n : none;
}

/// The limits of the cgroups this process is in, of version 2 and 1. In a container its own group
/// is the root of what it sees; elsewhere the path is in /proc.
std::uint64_t cgroup_memory() {
  std::uint64_t least = std::min(number_in("/sys/fs/cgroup/memory.max"),
                                 number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t path = line.find(":/");
    if (path == std::string::npos) continue;
    const std::string name = line.substr(path + 1);
    if (line.starts_with("0::"))
      least = std::min(least, number_in("/sys/fs/cgroup" + name + "/memory.max"));
    else if (line.find(":memory:") != std::string::npos)
      least = std::min(least, number_in("/sys/fs/cgroup/memory" + name + "/memory.limit_in_bytes"));
  }
  return least;
}

}  // namespace

std::uint64_t memory_budget_of(const settings& conf) {
  if (conf.is_set("memory.budget")) return conf.size("memory.budget");
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  const std::uint64_t machine =
      pages > 0 && page > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
                            : std::uint64_t{1} << 30;
  return std::min(machine, cgroup_memory()) / 5 * 3;
}

memory_budget::memory_budget(std::uint64_t total, int tasks)
    : total_(total),
      of_operator_(total / 4 / static_cast<std::uint64_t>(std::max(tasks, 1))),
      outputs_(total / 4),
      blocks_(total / 4) {
  limit_spare_memory(total / 8);
}

bool memory_budget::pool::take(std::size_t bytes) {
  std::size_t held = held_.load(std::memory_order_relaxed);
  do {
    if (bytes > limit_ || held > limit_ - bytes) return false;
  } while (!held_.compare_exchange_weak(held, held + bytes, std::memory_order_relaxed));
  return true;
}

}  // namespace millrace::detail
