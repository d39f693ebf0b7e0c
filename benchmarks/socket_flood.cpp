// socket_flood SERVER: words through the socket source as fast as it takes them, counted by key in
// batches of 100 ms; beside the rate stands the most memory that the program ever had.
// SERVER is millrace_text_server; $MILLRACE_FLOOD_WORDS of them are sent (100,000,000), once.

#include <sys/resource.h>
#include <millrace/millrace.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "measure.hpp"
#include "text_server_process.hpp"

namespace mr = millrace;

namespace {

constexpr std::int64_t words_a_line = 10;  // in the set `words`

double peak_mebibytes() {
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) != 0) throw std::runtime_error("getrusage failed");
  return static_cast<double>(used.ru_maxrss) / 1024;
}

void flood(const std::string& program, std::int64_t words) {
  mr::tools::text_server_process server(program, static_cast<std::uint64_t>(words / words_a_line),
                                        (bench::data_directory() / "words" / "000.txt").string());
  std::atomic<std::int64_t> counted{0};
  mr::streaming_context ssc{{.name = "socket_flood", .batch = std::chrono::milliseconds(100)}};
  ssc.socket_text_stream("127.0.0.1", server.port())
      .flat_map(mr::split(' '))
      .map([](std::string_view word) { return std::pair{word, std::int64_t{1}}; })
      .reduce_by_key(std::plus<>{})
      .for_each_rdd([&](const mr::rdd<std::pair<std::string_view, std::int64_t>>& counts) {
        counted += counts.values().fold(std::int64_t{0}, std::plus<>{});
      });
  const bench::stopwatch time;
  ssc.start();
  const std::int64_t sent = server.words_sent();
  // What is on its way when the server has sent all.
  while (counted < sent && time.seconds() < 3600)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double seconds = time.seconds();
  ssc.stop({.graceful = true});
  bench::agree("numbers of words", counted, sent);
  std::printf(R"({"system": "millrace", "workload": "socket_flood", "metric": "throughput", )"
              R"("value": %.4g, "unit": "M words/s", "runs": [%.4g], "words": %lld, )"
              R"("seconds": %.4g, "peak_memory_mib": %.4g})"
              "\n",
              static_cast<double>(counted) / seconds / 1e6,
              static_cast<double>(counted) / seconds / 1e6, static_cast<long long>(counted),
              seconds, peak_mebibytes());
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_program([&] {
    if (argc != 2) throw std::runtime_error("socket_flood SERVER");
    const char* told = std::getenv("MILLRACE_FLOOD_WORDS");
    flood(argv[1],
          told != nullptr ? std::max<std::int64_t>(words_a_line, std::atoll(told)) : 100'000'000);
  });
}
