// The program that is killed: stamped records, counted by key in state, into sinks that have them
// once.
//
//   millrace_fault_program RECORDS RECORDS_A_BATCH MS_A_BATCH OUTPUT MODE --checkpoint DIR
//
//   plain     the records, into files of a sink that the program has itself
//   state     the same, counted by map_with_state
//   load      counted by map_with_state, into mr::file::text and SQLite
//   rolled    counted by map_with_state, into mr::file::text, several batches to a file
//   received  records of a receiver with a write-ahead log, into mr::file::text
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "millrace/file.hpp"
#include "millrace/millrace.hpp"
#include "millrace/sql.hpp"
#include "phases.hpp"
#include "records.hpp"

namespace {

using namespace millrace;
using fault::pass;
using fault::phase;
using fault::record;

struct stamped {
  using record_type = record;
  struct range {
    std::int64_t from, to;
  };
  range next(const batch_limits&) {
    pass(phase::receive);
    const range r{at, std::max(at, std::min(total, at + a_batch))};
    at = r.to;
    return r;
  }
  int partitions(const range& r) const { return r.from == r.to ? 0 : 1; }
  void read(const range& r, int, emit<record>& out) const {
    for (std::int64_t i = r.from; i < r.to; ++i) out(fault::record_at(i));
  }
  void resume(const range& last) { at = last.to; }

  std::int64_t total;
  std::int64_t a_batch;
  std::int64_t at = 0;
};

/// A batch is a file; its name appears when the batch is committed. Whoever reads the files sees
/// each commit, so nothing is mended here.
struct file_sink {
  std::string directory;

  std::string path(batch_time batch) const {
    char digits[24];
    std::snprintf(digits, sizeof digits, "%015lld",
                  static_cast<long long>(batch.time_since_epoch().count()));
    return directory + "/" + digits;
  }
  std::string prepare(const output_id&, partition_rows<record>& rows) const {
    std::string text;
    for (const record& row : rows) text += fault::line_of(row) + "\n";
    return text;
  }
  bool committed(batch_time batch) const { return std::filesystem::exists(path(batch)); }
  void commit(batch_time batch, const std::vector<std::string>& parts) const {
    const std::string unfinished = directory + "/.unfinished";
    std::FILE* const file = std::fopen(unfinished.c_str(), "w");
    if (file == nullptr) throw error("can't write: " + unfinished);
    bool good = true;
    for (const std::string& part : parts)
      good = good && std::fwrite(part.data(), 1, part.size(), file) == part.size();
    good = good && std::fflush(file) == 0 && ::fsync(::fileno(file)) == 0;
    good = std::fclose(file) == 0 && good;
    if (!good) throw error("can't write: " + unfinished);
    std::filesystem::rename(unfinished, path(batch));
  }
};

/// Stores blocks, and writes down how many records were promised to be kept: who sent them would
/// not send those again.
struct numbered : receiver<record> {
  numbered(std::string file, std::int64_t rows) : promised(std::move(file)), a_block(rows) {}

  void on_start() override {
    sender = std::thread([this] {
      std::int64_t at = 0;
      const int file = ::open(promised.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
      if (::pread(file, &at, sizeof at, 0) != sizeof at) at = 0;
      const std::int64_t life = ::getpid();
      while (!is_stopped()) {
        std::vector<record> block;
        for (std::int64_t i = 0; i < a_block; ++i) {
          record r{life, at + i, (at + i) % fault::keys, 0, 0};
          r.sum = fault::sum_of(r);
          block.push_back(r);
        }
        pass(phase::receive);
        if (!store_all(block)) break;
        at += a_block;
        if (::pwrite(file, &at, sizeof at, 0) != sizeof at) std::abort();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      ::close(file);
    });
  }
  void on_stop() override { sender.join(); }

  std::string promised;
  std::int64_t a_block;
  std::thread sender;
};

void build(streaming_context& ssc, const std::string& mode, const std::string& output,
           const stamped& source, std::chrono::milliseconds batch) {
  const std::chrono::milliseconds several = mode == "rolled" ? 3 * batch : batch * 0;
  const file::text files{.directory = output + "/files", .write = {.roll_interval = several}};
  const auto lines = [](const record& r) {
    pass(phase::compute);
    return fault::line_of(r);
  };
  if (mode == "received")
    return ssc.receiver_stream(std::make_shared<numbered>(output + "/promised", source.a_batch))
        .named("received")
        .map(lines)
        .named("lines")
        .write(files);
  const auto records = ssc.stream(source).named("records");
  if (mode == "plain") return records.write(file_sink{output + "/files"});
  const auto seen = records.map([](const record& r) { return std::pair{r.key, r}; })
                        .map_with_state<std::int64_t>(
                            [](std::int64_t, const record* r, state<std::int64_t>& count) {
                              pass(phase::compute);
                              record out = *r;
                              out.seen = count.get_or(0) + 1;
                              count.update(out.seen);
                              return out;
                            })
                        .named("seen");
  if (mode == "state") return seen.write(file_sink{output + "/files"});
  seen.map([](const record& r) { return fault::line_of(r); }).named("lines").write(files);
  if (mode == "load")
    seen.write(sql::insert{.url = "sqlite:" + output + "/rows.db", .table = "rows"});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  const stamped source{std::atoll(argv[1]), std::atoll(argv[2])};
  const std::string output = argv[4];
  const std::string mode = argv[5];
  const std::chrono::milliseconds batch(std::atoll(argv[3]));
  return launch(
      argc, argv,
      {.name = "faults",
       .master = "local[2]",
       .batch = batch,
       .checkpoint = {},
       // A slow machine makes batches late, and not a heap of them.
       .conf = {{"streaming.checkpoint.interval", "50ms"},
                {"streaming.maxWaitingBatches", "5"},
                {"streaming.gracefulStopTimeout", "50s"},
                {"streaming.recovery.mergeMissedBatches", mode == "load" ? "true" : "false"},
                {"streaming.receiver.writeAheadLog.enable",
                 mode == "received" ? "true" : "false"}}},
      [&](streaming_context& ssc) { build(ssc, mode, output, source, batch); });
}
