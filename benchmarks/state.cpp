// state: what a batch and a checkpoint cost by how much is kept and how much of it changes, in
// memory and, where that is linked, in RocksDB. Keys are texts of 8 bytes, state is an int64.

#include <millrace/testing.hpp>

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "measure.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "streaming/recovery/kept_state.hpp"

namespace mr = millrace;
namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;
using row = std::pair<std::string_view, std::int64_t>;

constexpr int partitions = 2;

double resident_bytes() {
  std::ifstream in("/proc/self/statm");
  double all = 0;
  double resident = 0;
  in >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// A stream that keeps sums for so many keys.
class kept_sums {
 public:
  kept_sums(std::size_t keys, const std::string& store)
      : s_({.master = "local[2]", .batch = 1s, .conf = {{"streaming.state.store", store}}}),
        in_(s_.input<row>()),
        names_(keys) {
    for (std::size_t i = 0; i < keys; ++i) {
      char text[16];
      std::snprintf(text, sizeof text, "%08zx", i * 2654435761U % (std::size_t{1} << 32));
      std::copy_n(text, 8, names_[i].data());
    }
    in_.update_state_by_key<std::int64_t>(
           [](std::span<const std::int64_t> values, std::optional<std::int64_t> before) {
             std::int64_t sum = before.value_or(0);
             for (const std::int64_t value : values) sum += value;
             return std::optional(sum);
           },
           {.partitions = partitions, .idle = mr::idle::skip})
        .for_each_rdd([](const mr::rdd<row>&) {});
    s_.streaming().core()->start_stepped();
    kept_ = mr::detail::kept_states(s_.streaming().core()->graph()).at(0);
    kept_->track();
    // In pieces: what is fed is not what is to be measured.
    for (std::size_t from = 0; from < keys; from += 100'000)
      touch(from, std::min<std::size_t>(100'000, keys - from), 1);
  }

  /// A batch with a row for each of `count` keys, `apart` from one another; in milliseconds.
  double touch(std::size_t from, std::size_t count, std::size_t apart) {
    std::vector<row> rows;
    for (std::size_t i = 0; i < count; ++i)
      rows.emplace_back(std::string_view(names_[(from + i * apart) % names_.size()].data(), 8), 1);
    s_.feed(in_, {rows});
    const bench::stopwatch time;
    s_.run();
    return time.seconds() * 1e3;
  }

  struct written {
    double ms = 0;
    std::uint64_t bytes = 0;
  };
  /// What changed since the last time, or all, as files that are synced.
  written checkpoint(bool whole) {
    const fs::path directory = bench::data_directory() / "state";
    fs::create_directories(directory);
    const mr::detail::time_point_ms time = s_.now();
    std::vector<written> all(partitions);
    const bench::stopwatch clock;
    const auto version = kept_->version(time);
    mr::detail::run_job(
        {version->dataset(), mr::detail::all_partitions(*version->dataset()), "checkpoint",
         [&](mr::detail::task_context& task, int p) -> mr::detail::task_result {
           const auto file =
               mr::detail::local_file_system().create((directory / std::to_string(p)).string());
           const auto piece =
               version->write(p, task, whole ? std::nullopt : std::optional(last_), *file);
           file->sync();
           file->close();
           all[static_cast<std::size_t>(p)].bytes = piece.bytes;
           return {};
         }});
    kept_->written(time);
    last_ = time;
    written sum{clock.seconds() * 1e3, 0};
    for (const written& one : all) sum.bytes += one.bytes;
    return sum;
  }

 private:
  mr::testing::stream_fixture s_;
  mr::dstream<row> in_;
  std::vector<std::array<char, 8>> names_;
  mr::detail::kept_state_ptr kept_;
  mr::detail::time_point_ms last_{};
};

constexpr std::size_t few = 100'000;
constexpr std::size_t many = 10'000'000;
constexpr int rounds = 9;

/// The median of batches that touch `changed` keys.
double touching(kept_sums& sums, std::size_t keys, std::size_t changed) {
  std::vector<double> times;
  for (std::size_t i = 0; i < rounds; ++i) times.push_back(sums.touch(i, changed, keys / changed));
  return bench::median(times);
}

void measure(const std::string& store) {
  std::printf("%s\n", store.c_str());
  std::printf("%12s %16s %22s %14s %18s %14s\n", "keys", "bytes a key", "batch of 100 k, ms",
              "whole, ms", "1 k changed, ms", "bytes");
  for (const std::size_t keys : {std::size_t{1'000}, few, many}) {
    const double before = resident_bytes();
    kept_sums sums(keys, store);
    // Less the names, which the program keeps.
    const double bytes = (resident_bytes() - before) / static_cast<double>(keys) - 8;
    const double batch = keys < few ? 0 : touching(sums, keys, few);
    const kept_sums::written whole = sums.checkpoint(true);
    std::vector<double> times;
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < rounds; ++i) {
      sums.touch(i, 1'000, keys / 1'000);
      const kept_sums::written changed = sums.checkpoint(false);
      times.push_back(changed.ms);
      size = changed.bytes;
    }
    std::printf("%12zu %16.1f %22.2f %14.1f %18.2f %14llu\n", keys, bytes, batch, whole.ms,
                bench::median(times), static_cast<unsigned long long>(size));
  }
}

}  // namespace

int main() {
  return bench::run_program([] {
    measure("memory");
#ifdef MILLRACE_BENCH_ROCKSDB
    measure("rocksdb");
#endif
  });
}
