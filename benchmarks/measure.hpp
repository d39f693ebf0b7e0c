#pragma once
// Runs contestants in turn, again and again, and says what each did and by which ratio.
//
// A shared machine has states of speed half as far apart again as what we want to see, so all
// contestants of a workload run in one process, one after the other in each round, each round
// starting with another one. A ratio is the median of the rounds' own ratios.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace bench {

// ---- input

/// A file in memory, with 64 readable bytes after it, as the loops by hand want.
class text {
 public:
  explicit text(const std::filesystem::path& file);
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

/// The pieces of one data set: a file each, in order. Also warms the page cache.
class pieces {
 public:
  /// Under the directory $MILLRACE_BENCH_DATA. Throws where the set is missing.
  explicit pieces(std::string_view name);

  std::size_t size() const { return texts_.size(); }
  std::string_view view(std::size_t i) const { return texts_[i].view(); }
  std::string path(std::size_t i) const { return paths_[i].string(); }

 private:
  std::vector<std::filesystem::path> paths_;
  std::vector<text> texts_;
};

std::filesystem::path data_directory();

// ---- time

class stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(clock::now() - start_).count(); }

 private:
  using clock = std::chrono::steady_clock;
  clock::time_point start_ = clock::now();
};

/// `share` in [0, 1]; the values are taken in any order. REQUIRES: not empty.
double percentile(std::vector<double> values, double share);
inline double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

// ---- load

/// Sends items by the clock whether the reader keeps up or not: item i is due at `start` + i *
/// `interval`. Looks every `step`, and calls `send(first, until)` for what has become due.
template <class Send>
void open_loop(std::chrono::steady_clock::time_point start, std::chrono::nanoseconds interval,
               std::int64_t items, std::chrono::nanoseconds step, Send send) {
  for (std::int64_t sent = 0; sent < items; std::this_thread::sleep_for(step)) {
    const auto since = std::chrono::steady_clock::now() - start;
    const std::int64_t due = std::min<std::int64_t>(items, since / interval);
    if (due > sent) send(sent, due);
    sent = std::max(sent, due);
  }
}

// ---- contests

enum class better { higher, lower };

struct figure {
  std::string metric;
  std::string unit;
  better is = better::higher;
};

class contest {
 public:
  /// One value a figure, in their order.
  using run_function = std::function<std::vector<double>()>;

  contest(std::string workload, std::vector<figure> figures);

  /// `compared_to`: the systems, added before or after, for which a ratio is printed.
  void add(std::string system, run_function run, std::vector<std::string> compared_to = {});

  /// An untimed round, then $MILLRACE_BENCH_ROUNDS (5). Prints a JSON line a figure; one with a
  /// ratio is printed once a ratio. A ratio is above 1 where the system is the better of the two.
  void run();

 private:
  struct contestant {
    std::string system;
    run_function run;
    std::vector<std::string> compared_to;
    std::vector<std::vector<double>> values;  // [figure][round]
  };

  void play(std::size_t first, bool keep);
  void print(const contestant& who) const;
  const contestant& find(std::string_view system) const;

  std::string workload_;
  std::vector<figure> figures_;
  std::vector<contestant> contestants_;
};

/// "system 2t", as the lines name who ran on how many threads.
std::string on_threads(std::string system, int threads);

/// Throws, naming both, where two systems' results differ: a figure for a wrong result is none.
void agree(std::string_view what, std::int64_t ours, std::int64_t theirs);

/// What main returns: 0, or 1 after printing what was thrown.
int run_program(const std::function<void()>& program);

}  // namespace bench
