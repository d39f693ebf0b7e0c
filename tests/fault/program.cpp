// The program that is killed: stamped records, counted by key in state, into files of a sink with
// two phases.
//
//   millrace_fault_program RECORDS RECORDS_A_BATCH OUTPUT_DIRECTORY state|plain --checkpoint DIR
//
// plain: without the state.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "millrace/millrace.hpp"
#include "records.hpp"

namespace {

using namespace millrace;
using namespace std::chrono_literals;
using fault::record;

struct stamped {
  using record_type = record;
  struct range {
    std::int64_t from, to;
  };
  range next(const batch_limits&) {
    const range r{at, std::min(total, at + a_batch)};
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
    for (const record& row : rows) text += fault::line_of(row);
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

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const std::int64_t total = std::atoll(argv[1]);
  const std::int64_t a_batch = std::atoll(argv[2]);
  const std::string output = argv[3];
  const bool with_state = std::string(argv[4]) == "state";
  return launch(argc, argv,
                {.name = "faults",
                 .master = "local[2]",
                 .batch = 10ms,
                 .checkpoint = {},
                 .conf = {{"streaming.checkpoint.interval", "50ms"}}},
                [&](streaming_context& ssc) {
                  const auto records = ssc.stream(stamped{total, a_batch}).named("records");
                  if (!with_state) return records.write(file_sink{output});
                  records.map([](const record& r) { return std::pair{r.key, r}; })
                      .map_with_state<std::int64_t>(
                          [](std::int64_t, const record* r, state<std::int64_t>& seen) {
                            record out = *r;
                            out.seen = seen.get_or(0) + 1;
                            seen.update(out.seen);
                            return out;
                          })
                      .named("seen")
                      .write(file_sink{output});
                });
}
