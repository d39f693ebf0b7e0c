#include "program/master.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <string>

#include "millrace/error.hpp"

namespace millrace::program {

namespace {

std::optional<int> positive(std::string_view text) {
  int n = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failed != std::errc{} || end != text.data() + text.size() || n < 1) return std::nullopt;
  return n;
}

/// Cores by the cgroup's quota (version 2, then 1); nothing where there is none.
std::optional<int> cgroup_cores() {
  double quota = 0;
  double period = 0;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2) {
    std::string max;
    if (v2 >> max >> period && max != "max") quota = std::atof(max.c_str());
  } else {
    std::ifstream q("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    std::ifstream p("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(q >> quota && p >> period)) return std::nullopt;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return std::max(1, static_cast<int>(std::ceil(quota / period)));
}

}  // namespace

int usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  int n = 1;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) n = std::max(1, CPU_COUNT(&cores));
  if (const auto limit = cgroup_cores()) n = std::min(n, *limit);
  return n;
}

master parse_master(std::string_view text) {
  const auto wrong = [&]() -> usage_error {
    return usage_error(
        "the master is not understood; use local, local[N], local[*] or local[N,F]: " +
        std::string(text));
  };
  if (text == "local") return {};
  if (text == "ray" || text.starts_with("ray://"))
    throw usage_error("this program is not linked for Ray: link millrace::ray. Master: " +
                      std::string(text));
  if (!text.starts_with("local[") || !text.ends_with("]")) throw wrong();
  std::string_view inner = text.substr(6, text.size() - 7);
  master m;
  if (const auto comma = inner.find(','); comma != std::string_view::npos) {
    std::string_view failures = inner.substr(comma + 1);
    while (failures.starts_with(' ')) failures.remove_prefix(1);
    const auto f = positive(failures);
    if (!f) throw wrong();
    m.max_failures = *f;
    inner = inner.substr(0, comma);
  }
  if (inner == "*") {
    m.threads = usable_cores();
  } else {
    const auto n = positive(inner);
    if (!n) throw wrong();
    m.threads = *n;
  }
  return m;
}

}  // namespace millrace::program
