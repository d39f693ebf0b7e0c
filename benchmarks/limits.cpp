// limits [SHARE]: more data than memory, beside the same work with all the memory it wants.
// 20 GiB of text (hard links of one file) word-counted with a budget of 512 MiB, and 100 M
// different keys reduced with 2 GiB; SHARE (1) makes both smaller, and the second budget. Each in a
// process of its own, whose peak memory is printed.

#include <millrace/millrace.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "measure.hpp"

namespace mr = millrace;

namespace {

constexpr int threads = 2;

struct outcome {
  double seconds = 0;
  double cpu_seconds = 0;
  std::int64_t result = 0;
  double peak_mib = 0;
};

/// Runs it in a child: its peak memory is that of this work alone.
outcome apart(const std::function<std::int64_t()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no child");
  if (child == 0) {
    int code = 1;
    try {
      outcome mine;
      const bench::stopwatch time;
      mine.result = work();
      mine.seconds = time.seconds();
      code = ::write(ends[1], &mine, sizeof mine) == sizeof mine ? 0 : 1;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "error: %s\n", e.what());
    }
    ::_exit(code);
  }
  ::close(ends[1]);
  outcome seen;
  const bool whole = ::read(ends[0], &seen, sizeof seen) == sizeof seen;
  ::close(ends[0]);
  int status = 0;
  rusage used{};
  if (::wait4(child, &status, 0, &used) != child || !whole || status != 0)
    throw std::runtime_error("the child failed");
  seen.peak_mib = static_cast<double>(used.ru_maxrss) / 1024;
  for (const timeval& t : {used.ru_utime, used.ru_stime})
    seen.cpu_seconds += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  return seen;
}

void print(const std::string& workload, const std::string& system, const outcome& seen,
           double millions, const char* unit, const outcome* beside, const char* other) {
  const double rate = millions / seen.seconds;
  std::printf(R"({"system": "%s", "workload": "%s", "metric": "throughput", "value": %.4g, )"
              R"("unit": "%s", "runs": [%.4g])",
              system.c_str(), workload.c_str(), rate, unit, rate);
  if (beside != nullptr)
    std::printf(R"(, "ratio": %.3g, "ratio_to": "%s", "ratios": [%.3g])",
                beside->seconds / seen.seconds, other, beside->seconds / seen.seconds);
  std::printf("}\n");
  const auto line = [&](const char* metric, double value, const char* of) {
    std::printf(R"({"system": "%s", "workload": "%s", "metric": "%s", "value": %.4g, )"
                R"("unit": "%s", "runs": [%.4g]})"
                "\n",
                system.c_str(), workload.c_str(), metric, value, of, value);
  };
  line("peak memory", seen.peak_mib, "MiB");
  line("CPU", seen.cpu_seconds, "s");
  std::fflush(stdout);
}

/// The same work with a budget and with the default one.
void compare(const std::string& workload, const std::string& budget, double millions,
             const char* unit, const std::function<std::int64_t(mr::context&)>& work) {
  const auto with = [&](std::vector<std::pair<std::string, std::string>> conf) {
    return apart([&] {
      mr::context sc{{.name = "limits",
                      .master = "local[" + std::to_string(threads) + "]",
                      .conf = std::move(conf)}};
      return work(sc);
    });
  };
  const std::string free = bench::on_threads("millrace, default budget", threads);
  const outcome in_memory = with({});
  print(workload, free, in_memory, millions, unit, nullptr, nullptr);
  const outcome limited = with({{"memory.budget", budget}});
  bench::agree("results", limited.result, in_memory.result);
  print(workload, bench::on_threads("millrace, " + budget, threads), limited, millions, unit,
        &in_memory, free.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_program([&] {
    const double share = argc > 1 ? std::atof(argv[1]) : 1;
    namespace fs = std::filesystem;

    fs::path file;
    for (const auto& f : fs::directory_iterator(bench::data_directory() / "words"))
      if (file.empty() || f.path() < file) file = f.path();
    const fs::path many = bench::data_directory() / "limits";
    fs::remove_all(many);
    fs::create_directories(many);
    const double size = static_cast<double>(fs::file_size(file));
    const int links = std::max(1, static_cast<int>(std::ceil(share * 20 * (1 << 30) / size)));
    for (int i = 0; i < links; ++i)
      fs::create_hard_link(file, many / ("part-" + std::to_string(i)));
    compare("limits_text", "512m", size * links / 1e6, "MB/s", [&](mr::context& sc) {
      return sc.text_file(many.string())
          .flat_map(mr::split(' '))
          .map([](std::string_view word) { return std::pair{word, std::int64_t{1}}; })
          .reduce_by_key(std::plus<>{}, threads)
          .map([](const auto& counted) { return counted.second; })
          .reduce(std::plus<>{});
    });
    fs::remove_all(many);

    const auto keys = static_cast<std::int64_t>(share * 1e8);
    const auto budget = static_cast<std::int64_t>(share * 2048);
    compare("limits_keys", std::to_string(budget) + "m", static_cast<double>(keys) / 1e6,
            "M rows/s", [&](mr::context& sc) {
              return sc.range(0, keys)
                  .map([](std::int64_t n) { return std::pair{n, std::int64_t{1}}; })
                  .reduce_by_key(std::plus<>{}, threads)
                  .count();
            });
  });
}
