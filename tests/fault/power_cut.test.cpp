// The power fails at any change of a disk, and what was not synced is there in part: names that
// were changed or were not, bytes that are missing, torn or zero. On a file system in memory, state
// after state by seed; MILLRACE_FAULT_POWER_CUTS says how many at each change (./dev faults).
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <utility>

#include "../recovery_rig.hpp"
#include "millrace/detail/base/log.hpp"
#include "running.hpp"
#include "streaming/receiving/receiver_log.hpp"

namespace millrace::fault {
namespace {

using namespace test;
using after_crash = crashing_files::after_crash;

class FaultPowerCuts : public ::testing::Test {
 protected:
  FaultPowerCuts() { detail::set_log_level(detail::log_level::off); }
  ~FaultPowerCuts() override { detail::set_log_level(detail::log_level::warn); }

  const long long cuts_ = from_environment("MILLRACE_FAULT_POWER_CUTS", 1);
  const long long seed_ = from_environment("MILLRACE_FAULT_SEED", 1);

  std::uint64_t seed_at(std::int64_t n, long long cut) const {
    return static_cast<std::uint64_t>((seed_ * 1'000'003 + n) * 1'000'003 + cut);
  }
  static void print(const char* of, long long cuts) {
    std::printf("%lld power cuts, %s: nothing lost, nothing twice\n", cuts, of);
  }
};

/// Numbers, and sums by key in state, as a database that outlives the program has them.
struct ledgers {
  std::shared_ptr<ledger<int>> rows = new_ledger();
  std::shared_ptr<ledger<std::pair<int, std::int64_t>>> sums =
      std::make_shared<ledger<std::pair<int, std::int64_t>>>();

  static constexpr int batches = 20;

  /// False: it died.
  bool live(crashing_files& files, int from) const {
    try {
      run one(files,
              [&](streaming_context& ssc) {
                const auto in = ssc.stream(numbers{.at = from});
                in.write(ledger_sink<int>{rows});
                in.map([](int x) { return std::pair{x % 7, std::int64_t{x}}; })
                    .map_with_state<std::int64_t>(
                        [](int key, const std::int64_t* value, state<std::int64_t>& sum) {
                          sum.update(sum.get_or(0) + *value);
                          return std::pair{key, sum.get()};
                        })
                    .write(ledger_sink<std::pair<int, std::int64_t>>{sums});
              },
              {{"streaming.checkpoint.interval", "3s"}, {"default.parallelism", "2"}});
      one.start();
      one.until(std::chrono::seconds(batches));
    } catch (const error&) {
      return false;
    }
    return !files.dead();
  }
};

TEST_F(FaultPowerCuts, of_a_stream_with_state) {
  ledgers wanted[3];
  for (int i = 0; i < 3; ++i) {
    crashing_files files;
    ASSERT_TRUE(wanted[i].live(files, 1 + 1000 * i));
  }
  long long cuts = 0;
  bool over = false;
  for (std::int64_t n = 1; !over; ++n) {
    for (long long cut = 0; cut < cuts_ && !over; ++cut) {
      const std::uint64_t seed = seed_at(n, cut);
      SCOPED_TRACE("at change " + std::to_string(n) + ", state " + std::to_string(cut) +
                   ", MILLRACE_FAULT_SEED=" + std::to_string(seed_));
      crashing_files files;
      const ledgers seen;
      files.die_at(n, after_crash::some_synced, seed);
      over = seen.live(files, 1);
      if (over) break;
      files.restart();
      files.die_at(1 + static_cast<std::int64_t>(seed % 31), after_crash::some_synced, ~seed);
      seen.live(files, 1001);
      files.restart();
      ASSERT_TRUE(seen.live(files, 2001));
      ++cuts;
      // Which of the lives came to its first batch is all that may differ.
      const int first = seen.rows->batches.begin()->second.front();
      EXPECT_EQ(seen.rows->all(), consecutive(first, 5 * ledgers::batches));
      EXPECT_EQ(seen.sums->batches, wanted[first / 1000].sums->batches);
      EXPECT_TRUE(seen.rows->wrong.empty() && seen.sums->wrong.empty());
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(cuts, 100);
  print("a stream with state", cuts);
}

TEST_F(FaultPowerCuts, of_the_log_of_a_receiver) {
  const auto content = [](std::uint64_t entry) {
    return "entry " + std::to_string(entry) + std::string(entry * 97 % 1500, 'x');
  };
  const detail::receiver_log::options options{nullptr, "log", "text", 6'000};
  long long cuts = 0;
  bool over = false;
  for (std::int64_t n = 1; !over; ++n) {
    for (long long cut = 0; cut < 10 * cuts_ && !over; ++cut) {
      SCOPED_TRACE("at change " + std::to_string(n) + ", state " + std::to_string(cut) +
                   ", MILLRACE_FAULT_SEED=" + std::to_string(seed_));
      crashing_files files;
      detail::receiver_log::options on_files = options;
      on_files.files = &files;
      std::uint64_t promised = 1;
      std::uint64_t freed = 1;
      files.die_at(n, after_crash::some_synced, seed_at(n, cut));
      try {
        detail::receiver_log log(on_files, 1);
        for (int batch = 0; batch < 20; ++batch) {
          for (int i = 0; i < 3; ++i) {
            const std::string text = content(log.next());
            (void)log.append([&](byte_writer& to) { to.raw(text.data(), text.size()); });
          }
          if (!log.sync()) break;
          promised = log.durable();
          if (batch % 4 != 3) continue;
          freed = promised - 2;
          log.free(freed);
        }
        log.close();
      } catch (const error&) {
        EXPECT_TRUE(files.dead());
      }
      over = !files.dead();
      if (over) break;
      files.restart();
      ++cuts;
      const detail::receiver_log log(on_files, freed, freed);
      ASSERT_GE(log.next(), promised);
      for (std::uint64_t entry = std::max(freed, log.first()); entry < log.next(); ++entry)
        ASSERT_EQ(log.read(entry), content(entry));
      ASSERT_LE(log.first(), freed);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(cuts, 500);
  print("the log of a receiver", cuts);
}

}  // namespace
}  // namespace millrace::fault
