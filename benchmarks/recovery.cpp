// recovery: a program with much state is killed again and again: how long it takes until the next
// batch is committed. Then what it costs to be able to: throughput with and without checkpoints,
// and with and without the write-ahead log of a receiver.
//
// The programs are this one, run again as a child.

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <millrace/millrace.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <random>
#include <string>
#include <thread>

#include "measure.hpp"

namespace mr = millrace;
namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;
using row = std::pair<std::int64_t, std::int64_t>;

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// What the program has committed: memory that it shares with whoever watches, as a database would
/// be, so that the sink itself costs nothing.
struct progress {
  std::atomic<std::int64_t> batch{0};
  std::atomic<std::int64_t> at_us{0};
  std::atomic<std::int64_t> records{0};
  std::atomic<std::int64_t> keys{0};  // that the program has seen
};

progress* shared() {
  void* const at =
      ::mmap(nullptr, sizeof(progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  return new (at) progress;
}

struct counting_sink {
  progress* to;

  std::int64_t prepare(const mr::output_id&, mr::partition_rows<row>& rows) const {
    std::int64_t n = 0;
    for (const row& one : rows) n += one.second != 0;
    return n;
  }
  bool committed(mr::batch_time batch) const {
    return batch.time_since_epoch().count() <= to->batch;
  }
  void commit(mr::batch_time batch, const std::vector<std::int64_t>& parts) const {
    for (const std::int64_t n : parts) to->records += n;
    to->at_us = now_us();
    to->batch = batch.time_since_epoch().count();
  }
};

/// Each key once, then some of them again and again.
struct keys {
  using record_type = std::int64_t;
  struct range {
    std::int64_t from, to;
  };
  range next(const mr::batch_limits&) {
    const range r{at, at < all ? std::min(all, at + a_batch_first) : at + a_batch};
    at = r.to;
    return r;
  }
  int partitions(const range&) const { return 2; }
  void read(const range& r, int partition, mr::emit<std::int64_t>& out) const {
    for (std::int64_t i = r.from + partition; i < r.to; i += 2) out(i * 7'919 % all);
  }
  void resume(const range& last) { at = last.to; }

  std::int64_t all;
  std::int64_t a_batch_first;
  std::int64_t a_batch;
  std::int64_t at = 0;
};

/// 84 bytes, and 8 of a key and 8 of a count: 100 bytes of state a key.
struct kept {
  std::string text = std::string(84, 'x');
  std::int64_t count = 0;
};

mr::dstream<row> counts_of(const mr::dstream<std::int64_t>& in, progress* to) {
  return in.map([](std::int64_t key) { return row{key, 1}; })
      .map_with_state<kept>([to](std::int64_t key, const std::int64_t*, mr::state<kept>& s) {
        kept next = s.exists() ? s.get() : kept{};
        if (++next.count == 1) to->keys.fetch_add(1, std::memory_order_relaxed);
        s.update(next);
        return row{key, next.count};
      })
      .named("counts");
}

fs::path directory() { return bench::data_directory() / "recovery"; }

void line(const char* system, const char* metric, double value, const char* unit) {
  std::printf(R"({"system": "%s", "workload": "recovery", "metric": "%s", "value": %.4g, )"
              R"("unit": "%s"})"
              "\n",
              system, metric, value, unit);
  std::fflush(stdout);
}

// ---- killed

class killed_program {
 public:
  explicit killed_program(std::int64_t keys) : keys_(keys), seen_(shared()) {
    fs::remove_all(directory());
    fs::create_directories(directory());
  }
  ~killed_program() {
    end();
    fs::remove_all(directory());
    ::munmap(seen_, sizeof(progress));
  }
  killed_program(const killed_program&) = delete;
  killed_program& operator=(const killed_program&) = delete;

  void begin() {
    child_ = ::fork();
    if (child_ == 0) ::_exit(run());
    if (child_ < 0) throw mr::error("no process can be made");
  }
  void await(const std::function<bool()>& what) {
    const bench::stopwatch time;
    while (!what()) {
      int status = 0;
      if (::waitpid(child_, &status, WNOHANG) != 0 || time.seconds() > 240)
        throw mr::error("the program ended, or stands still");
      std::this_thread::sleep_for(200us);
    }
  }
  void await_state() {
    await([this] { return seen_->keys >= keys_; });
    await_batches(2);
    // A checkpoint that has all of it, and then some that have what changed.
    await([this] { return state_bytes() >= static_cast<std::uint64_t>(keys_) * 90; });
    await_batches(30);
  }
  std::uint64_t state_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& file : fs::directory_iterator(directory())) {
      std::error_code gone;
      const std::uint64_t size = file.file_size(gone);
      if (!gone && file.path().filename().string().starts_with("state-")) bytes += size;
    }
    return bytes;
  }
  /// From the kill to the first batch that is committed after it; the start included.
  double kill_and_recover() {
    const std::int64_t killed_at = now_us();
    end();
    const std::int64_t before = seen_->batch;
    begin();
    await([&] { return seen_->batch > before; });
    return static_cast<double>(seen_->at_us - killed_at) / 1e3;
  }
  void await_batches(int n) {
    const std::int64_t from = seen_->batch;
    await([&] { return seen_->batch >= from + n * interval.count(); });
  }

 private:
  static constexpr std::chrono::milliseconds interval = 100ms;

  void end() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
  }
  int run() const {
    char name[] = "recovery";
    char* argv[] = {name, nullptr};
    return mr::launch(
        1, argv,
        {.name = "recovery",
         .master = "local[2]",
         .batch = interval,
         .checkpoint = directory().string()},
        [this](mr::streaming_context& ssc) {
          counts_of(ssc.stream(keys{keys_, 100'000, 1'000}), seen_).write(counting_sink{seen_});
        });
  }

  std::int64_t keys_;
  progress* seen_;
  pid_t child_ = -1;
};

void kills(const char* name, std::int64_t count, int times) {
  killed_program program(count);
  program.begin();
  program.await_state();
  std::mt19937_64 random(1);
  std::vector<double> took;
  for (int i = 0; i < times; ++i) {
    took.push_back(program.kill_and_recover());
    program.await_batches(5 + static_cast<int>(random() % 15));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 100'000));
  }
  line(name, "kill to commit, p50", bench::median(took), "ms");
  line(name, "kill to commit, p99", bench::percentile(took, 0.99), "ms");
}

// ---- what it costs

/// Lines as fast as they are taken.
struct flood : mr::receiver<std::int64_t> {
  void on_start() override {
    thread = std::jthread([this](const std::stop_token& end) {
      std::vector<std::int64_t> block(20'000);
      for (std::int64_t at = 0; !end.stop_requested();) {
        for (std::int64_t& one : block) one = at++ * 7'919 % 100'000;
        if (!store_all(block)) return;
      }
    });
  }
  void on_stop() override {
    thread.request_stop();
    thread.join();
  }
  std::jthread thread;
};

/// Records a second that are committed, over some seconds, of a program that always has more to do
/// than it can.
double throughput(std::chrono::milliseconds batch, bool received, bool safe) {
  fs::remove_all(directory());
  fs::create_directories(directory());
  progress seen;
  double rate = 0;
  {
    mr::streaming_context ssc(
        {.name = "cost",
         .master = "local[2]",
         .batch = batch,
         .checkpoint = safe ? directory().string() : "",
         // Else that is what bounds batches of a second.
         .conf = {{"streaming.receiver.maxBytes", "1g"},
                  {"streaming.receiver.writeAheadLog.enable", safe && received ? "true" : "false"}},
         .signals = false});
    const std::int64_t a_batch = 40'000 * batch.count();
    const auto in = received ? ssc.receiver_stream(std::make_shared<flood>())
                             : ssc.stream(keys{100'000, a_batch, a_batch});
    in.map([](std::int64_t key) { return row{key, 1}; })
        .map_with_state<std::int64_t>(
            [](std::int64_t key, const std::int64_t*, mr::state<std::int64_t>& s) {
              const std::int64_t count = s.get_or(0) + 1;
              s.update(count);
              return row{key, count};
            })
        .named("counts")
        .write(counting_sink{&seen});
    ssc.start();
    const auto await = [&](auto what) {
      while (!what()) std::this_thread::sleep_for(1ms);
    };
    await([&] { return seen.batch != 0; });
    const std::int64_t warm = seen.at_us + 1'000'000;
    await([&] { return seen.at_us >= warm; });
    const std::int64_t from = seen.at_us;
    const std::int64_t before = seen.records;
    await([&] { return seen.at_us >= from + 5'000'000; });
    rate = static_cast<double>(seen.records - before) / static_cast<double>(seen.at_us - from);
    ssc.stop();
  }
  fs::remove_all(directory());
  return rate;
}

void cost(const char* what, bool received) {
  for (const std::chrono::milliseconds batch : {1000ms, 100ms}) {
    bench::contest contest("recovery", {{"throughput", "M records/s"}});
    std::string of = what;
    of.append(", batches of ").append(std::to_string(batch.count())).append(" ms");
    contest.add(of + ", safe", [=] { return std::vector{throughput(batch, received, true)}; },
                {of});
    contest.add(of, [=] { return std::vector{throughput(batch, received, false)}; });
    contest.run();
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_program([&] {
    const std::string only = argc > 1 ? argv[1] : "";
    if (only.empty() || only == "100mb") kills("100 MB of state", 1'000'000, 30);
    if (only.empty() || only == "1gib") kills("1 GiB of state", 10'737'418, 5);
    if (only.empty() || only == "replayed") cost("replayed", false);
    if (only.empty() || only == "received") cost("received", true);
  });
}
