#include "measure.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace bench {

namespace fs = std::filesystem;

text::text(const fs::path& file) : size_(fs::file_size(file)) {
  constexpr std::size_t readable_after = 64;
  bytes_ = std::make_unique<char[]>(size_ + readable_after);
  std::ifstream in(file, std::ios::binary);
  if (!in.read(bytes_.get(), static_cast<std::streamsize>(size_))) {
    throw std::runtime_error("cannot read " + file.string());
  }
}

fs::path data_directory() {
  const char* directory = std::getenv("MILLRACE_BENCH_DATA");
  return directory != nullptr ? directory : "build/bench-data";
}

pieces::pieces(std::string_view name) {
  const fs::path folder = data_directory() / name;
  if (!fs::exists(folder)) {
    throw std::runtime_error("no data in " + folder.string() +
                             "; benchmarks/run makes it, or set MILLRACE_BENCH_DATA");
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".csv") paths_.push_back(entry.path());
  }
  std::sort(paths_.begin(), paths_.end());
  for (const auto& path : paths_) texts_.emplace_back(path);
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto index = static_cast<std::size_t>(share * static_cast<double>(values.size()));
  return values[std::min(index, values.size() - 1)];
}

contest::contest(std::string workload, std::vector<figure> figures)
    : workload_(std::move(workload)), figures_(std::move(figures)) {}

void contest::add(std::string system, run_function run, std::vector<std::string> compared_to) {
  contestants_.push_back({std::move(system), std::move(run), std::move(compared_to),
                          std::vector<std::vector<double>>(figures_.size())});
}

void contest::run() {
  const char* told = std::getenv("MILLRACE_BENCH_ROUNDS");
  const int rounds = told != nullptr ? std::max(1, std::atoi(told)) : 5;
  play(0, false);
  for (int round = 0; round < rounds; ++round) play(static_cast<std::size_t>(round), true);
  for (const auto& who : contestants_) print(who);
}

void contest::play(std::size_t first, bool keep) {
  for (std::size_t i = 0; i < contestants_.size(); ++i) {
    auto& who = contestants_[(first + i) % contestants_.size()];
    // Whoever ran before may have threads that spin for a while before they sleep.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const auto values = who.run();
    if (!keep) continue;
    for (std::size_t k = 0; k < figures_.size(); ++k) who.values[k].push_back(values.at(k));
  }
}

const contest::contestant& contest::find(std::string_view system) const {
  for (const auto& who : contestants_) {
    if (who.system == system) return who;
  }
  throw std::logic_error("no such system: " + std::string(system));
}

namespace {

std::vector<double> ratios(const figure& what, const std::vector<double>& ours,
                           const std::vector<double>& theirs) {
  std::vector<double> all;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    all.push_back(what.is == better::higher ? ours[i] / theirs[i] : theirs[i] / ours[i]);
  }
  return all;
}

void print_list(const char* name, const std::vector<double>& values) {
  std::printf(", \"%s\": [", name);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::printf(i > 0 ? ", %.4g" : "%.4g", values[i]);
  }
  std::printf("]");
}

}  // namespace

void contest::print(const contestant& who) const {
  for (std::size_t k = 0; k < figures_.size(); ++k) {
    const figure& what = figures_[k];
    const auto begin_line = [&] {
      std::printf(R"({"system": "%s", "workload": "%s", "metric": "%s", "value": %.4g, )"
                  R"("unit": "%s")",
                  who.system.c_str(), workload_.c_str(), what.metric.c_str(), median(who.values[k]),
                  what.unit.c_str());
      print_list("runs", who.values[k]);
    };
    for (const auto& other : who.compared_to) {
      begin_line();
      const auto all = ratios(what, who.values[k], find(other).values[k]);
      std::printf(R"(, "ratio": %.3g, "ratio_to": "%s")", median(all), other.c_str());
      print_list("ratios", all);
      std::puts("}");
    }
    if (who.compared_to.empty()) {
      begin_line();
      std::puts("}");
    }
  }
  std::fflush(stdout);
}

std::string on_threads(std::string system, int threads) {
  return system.append(" ").append(std::to_string(threads)).append("t");
}

void agree(std::string_view what, std::int64_t ours, std::int64_t theirs) {
  if (ours == theirs) return;
  throw std::runtime_error(std::string(what) + " differ: ours " + std::to_string(ours) +
                           ", by hand " + std::to_string(theirs));
}

int run_program(const std::function<void()>& program) {
  try {
    program();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}

}  // namespace bench
