// latency: from when a record was due until the result that holds it is in the program's hands, at
// batches of 1 ms, 5 ms, 100 ms and 1 s.
//
// A server in this process sends 200,000 lines a second over a loopback socket, one every 5 us by
// the clock, whether the reader keeps up or not (open loop): a line that goes out late, or that
// waits in the socket, counts from when it was due. How late lines went out is printed too: a
// machine that others use keeps the sender waiting as it does the stream. Lines are one of 1,000
// words; the stream counts them by reduce_by_key and collects. TCP keeps their order, so the sum of
// a batch's counts says which lines it held.
//
// MILLRACE_BENCH_SECONDS: how long each runs; 30 (10 for the longer batches).

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <millrace/millrace.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "measure.hpp"

namespace mr = millrace;

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr std::int64_t records_a_second = 200'000;
constexpr auto record_interval = 1'000'000'000ns / records_a_second;
constexpr auto send_interval = 100us;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// Durations by the microsecond; what is longer than it can tell counts as its most.
class histogram {
 public:
  void add(clock::duration value) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(value).count();
    ++counts_[static_cast<std::size_t>(
        std::clamp<std::int64_t>(us, 0, static_cast<std::int64_t>(counts_.size()) - 1))];
    ++size_;
  }
  double milliseconds(double share) const {
    auto left = std::min(size_ - 1, static_cast<std::int64_t>(share * static_cast<double>(size_)));
    std::size_t us = 0;
    while (us + 1 < counts_.size() && (left -= counts_[us]) >= 0) ++us;
    return static_cast<double>(us) / 1e3;
  }

 private:
  std::vector<std::int64_t> counts_ = std::vector<std::int64_t>(10'000'000);
  std::int64_t size_ = 0;
};

/// Sends lines to the first who connects.
class line_server {
 public:
  line_server() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (listening_ < 0) fail("socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listening_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(listening_, 1) != 0 ||
        ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      fail("cannot listen");
    }
    port_ = ntohs(address.sin_port);
  }
  ~line_server() {
    if (connected_ >= 0) ::close(connected_);
    ::close(listening_);
  }
  line_server(const line_server&) = delete;
  line_server& operator=(const line_server&) = delete;

  int port() const { return port_; }
  /// How long after it was due each line was in the socket: the machine's part of the delay.
  const histogram& late() const { return late_; }

  void accept() {
    connected_ = ::accept(listening_, nullptr, nullptr);
    if (connected_ < 0) fail("accept");
    // Else the system keeps lines back until those before them are acknowledged, for up to 40 ms.
    const int yes = 1;
    if (::setsockopt(connected_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0) fail("socket");
  }

  /// Line i goes out when it is due, at `start` + i intervals, or as soon after as it can.
  void send(clock::time_point start, std::int64_t records) {
    std::string text;
    bench::open_loop(start, record_interval, records, send_interval,
                     [&](std::int64_t first, std::int64_t until) {
                       text.clear();
                       for (std::int64_t i = first; i < until; ++i)
                         text.append("word-").append(std::to_string(i % 1'000)) += '\n';
                       write(text);
                       const auto now = clock::now();
                       for (std::int64_t i = first; i < until; ++i)
                         late_.add(now - (start + i * record_interval));
                     });
  }

 private:
  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t n = ::send(connected_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EINTR) fail("send");
      if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  int listening_;
  int connected_ = -1;
  int port_ = 0;
  histogram late_;
};

double megabytes_held() {
  const auto all = mallinfo2();
  return static_cast<double>(all.uordblks + all.hblkhd) / 1e6;
}

/// What the program saw; touched by one batch at a time.
struct outcome {
  histogram delays;
  std::int64_t records = 0;
  std::int64_t batches = 0;
  std::int64_t lost = 0;  // batch times that were left out
  mr::batch_time last{};
  double megabytes_early = 0;
  double megabytes_late = 0;
};

void measure(std::chrono::milliseconds batch, std::int64_t seconds) {
  const std::int64_t records = records_a_second * seconds;
  line_server server;
  outcome seen;
  std::atomic<bool> all_there{false};
  clock::time_point start;

  mr::context sc{{.name = "latency", .master = "local[2]"}};
  mr::streaming_context ssc(sc, batch);
  ssc.socket_text_stream("127.0.0.1", server.port())
      .map([](std::string_view word) { return std::pair{word, 1}; })
      .reduce_by_key(std::plus<>{}, 2)
      .for_each_rdd(
          [&](const mr::rdd<std::pair<std::string_view, int>>& counts, mr::batch_time time) {
            const auto rows = counts.collect();
            const auto now = clock::now();
            std::int64_t held = 0;
            for (const auto& row : rows) held += row.second;
            for (std::int64_t i = 0; i < held; ++i)
              seen.delays.add(now - (start + (seen.records + i) * record_interval));
            if (seen.batches != 0) seen.lost += (time - seen.last) / batch - 1;
            if (seen.records < records / 10 && seen.records + held >= records / 10)
              seen.megabytes_early = megabytes_held();
            seen.last = time;
            ++seen.batches;
            seen.records += held;
            if (held != 0 && seen.records == records) {
              seen.megabytes_late = megabytes_held();
              all_there = true;
              all_there.notify_all();
            }
          });
  ssc.start();
  server.accept();
  std::this_thread::sleep_for(200ms);  // what starts once has started
  start = clock::now();
  server.send(start, records);
  const auto patience = std::max<std::chrono::milliseconds>(30s, 20 * batch);
  for (const auto sent = clock::now(); !all_there && clock::now() - sent < patience;)
    if (ssc.await_termination_for(10ms)) break;
  ssc.stop({.graceful = true});
  bench::agree("records", seen.records, records);
  bench::agree("batches left out", seen.lost, 0);

  const auto line = [&](const char* metric, double value, const char* unit) {
    std::printf(R"({"system": "millrace, batches of %lld ms", "workload": "latency", )"
                R"("metric": "%s", "value": %.4g, "unit": "%s"})"
                "\n",
                static_cast<long long>(batch.count()), metric, value, unit);
  };
  line("delay p50", seen.delays.milliseconds(0.5), "ms");
  line("delay p99", seen.delays.milliseconds(0.99), "ms");
  line("delay p99.9", seen.delays.milliseconds(0.999), "ms");
  line("delay max", seen.delays.milliseconds(1), "ms");
  line("sent late p50", server.late().milliseconds(0.5), "ms");
  line("sent late p99", server.late().milliseconds(0.99), "ms");
  line("sent late p99.9", server.late().milliseconds(0.999), "ms");
  line("batches", static_cast<double>(seen.batches), "batches");
  line("memory, last less first tenth", seen.megabytes_late - seen.megabytes_early, "MB");
  std::fflush(stdout);
}

}  // namespace

int main() {
  return bench::run_program([] {
    const char* told = std::getenv("MILLRACE_BENCH_SECONDS");
    const std::int64_t seconds = told != nullptr ? std::max(1, std::atoi(told)) : 0;
    measure(1ms, seconds != 0 ? seconds : 30);
    for (const auto batch : {5ms, 100ms, 1000ms}) measure(batch, seconds != 0 ? seconds : 10);
  });
}
