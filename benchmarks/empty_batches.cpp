// empty_batches: a million batches without a row on a manual clock: what one costs at the beginning
// and at the end, and what the program holds from malloc after each.
//
// Half of the outputs are narrow, half reduce by key; every batch runs both as jobs. The second
// figure is the same on the threads of a started context, a hundred batches at each move of the
// clock.

#include <malloc.h>
#include <millrace/testing.hpp>

#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "measure.hpp"

namespace mr = millrace;

namespace {

using namespace std::chrono_literals;

double megabytes_held() {
  const auto all = mallinfo2();
  return static_cast<double>(all.uordblks + all.hblkhd) / 1e6;
}

struct outputs {
  std::atomic<std::int64_t> narrow{0};
  std::atomic<std::int64_t> keyed{0};

  void on(const mr::dstream<int>& rows) {
    rows.map([](int x) { return x + 1; })
        .filter([](int x) { return x % 2 != 0; })
        .for_each_rdd([this](const mr::rdd<int>& batch) { narrow += batch.count() + 1; });
    rows.map([](int x) { return std::pair{x, 1}; })
        .reduce_by_key(std::plus<>{})
        .for_each_rdd([this](const mr::rdd<std::pair<int, int>>& batch) {
          keyed += batch.count() + 1;
          keyed.notify_all();
        });
  }
};

/// Runs tenths of `batches` by `run(how many)` and prints the first and the last.
template <class Run>
void report(const char* system, std::int64_t batches, const Run& run) {
  std::vector<double> microseconds, megabytes;
  for (int tenth = 0; tenth < 10; ++tenth) {
    const bench::stopwatch time;
    run(batches / 10);
    microseconds.push_back(time.seconds() * 1e6 / static_cast<double>(batches / 10));
    megabytes.push_back(megabytes_held());
  }
  const auto line = [&](const char* metric, double value, const char* unit, double ratio,
                        const char* to) {
    std::printf(R"({"system": "%s", "workload": "empty_batches", "metric": "%s", "value": %.4g, )"
                R"("unit": "%s", "ratio": %.4g, "ratio_to": "%s"})"
                "\n",
                system, metric, value, unit, ratio, to);
  };
  // Less is better, and a ratio above 1 says better: theirs over ours.
  line("cost, last tenth", microseconds.back(), "us/batch",
       microseconds.front() / microseconds.back(), "first tenth");
  line("memory, end", megabytes.back(), "MB", megabytes.front() / megabytes.back(), "first tenth");
  std::fflush(stdout);
}

void stepped(std::int64_t batches) {
  outputs seen;
  mr::testing::stream_fixture s{{.master = "local[2]", .batch = 1s}};
  seen.on(s.input<int>());
  report("millrace 2t, stepped", batches, [&](std::int64_t n) { s.advance(static_cast<int>(n)); });
  bench::agree("batches", seen.narrow, batches);
  bench::agree("batches", seen.keyed, batches);
}

void on_threads(std::int64_t batches) {
  outputs seen;
  mr::detail::manual_clock clock{mr::detail::time_point_ms(0s)};
  mr::detail::engine::options o;
  o.name = "empty_batches";
  o.threads = 2;
  o.time = &clock;
  mr::context sc(std::make_shared<mr::detail::engine>(std::move(o)));
  mr::streaming_context ssc(sc, 1s);
  seen.on(ssc.queue_stream(mr::rdd_queue<int>{}));
  ssc.start();
  constexpr std::int64_t at_once = 100;
  report("millrace 2t, started", batches, [&](std::int64_t n) {
    for (std::int64_t i = 0; i < n / at_once; ++i) {
      clock.await_waiters(1);
      const std::int64_t until = seen.keyed + at_once;
      clock.advance(at_once * 1s);
      for (std::int64_t now = seen.keyed; now < until; now = seen.keyed) seen.keyed.wait(now);
    }
  });
  clock.await_waiters(1);
  ssc.stop({.graceful = false});
  bench::agree("batches", seen.narrow, batches);
  bench::agree("batches", seen.keyed, batches);
}

}  // namespace

int main() {
  return bench::run_program([] {
    const char* told = std::getenv("MILLRACE_BENCH_BATCHES");
    const std::int64_t batches = told != nullptr ? std::max(1'000LL, std::atoll(told)) : 1'000'000;
    stepped(batches / 1'000 * 1'000);
    on_threads(batches / 1'000 * 1'000);
  });
}
