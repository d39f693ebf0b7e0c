// Streams that are checkpointed in memory, and begun again from what was written.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "millrace/detail/engine/jobs.hpp"
#include "millrace/testing.hpp"
#include "state_store_under_test.hpp"
#include "storage/memory_file.test.hpp"
#include "streaming/recovery/kept_state.hpp"

namespace millrace::testing {

/// What was written of one thing that is kept: files, by partition.
struct kept_files {
  struct file {
    detail::kept_piece piece;
    std::string bytes;
  };
  detail::kept_identity identity;
  std::vector<std::vector<file>> partitions;

  std::size_t bytes() const {
    std::size_t n = 0;
    for (const auto& files : partitions)
      for (const auto& one : files) n += one.bytes.size();
    return n;
  }
};
/// A checkpoint: everything that is needed to go on after the batch.
struct checkpoint_files {
  int batch = 0;
  std::vector<kept_files> kept;
};

/// A fixture whose batches are stepped by number, with 1 s between them.
class kept_run {
 public:
  explicit kept_run(int partitions = 2, const std::string& master = "local[2]")
      : s({.master = master,
           .batch = std::chrono::seconds(1),
           .conf = {{"default.parallelism", std::to_string(partitions)}, test::state_store()}}) {}

  stream_fixture s;

  /// Once the graph is built. `from`: goes on after that checkpoint.
  void start(const checkpoint_files* from = nullptr) {
    core().start_stepped();
    kept_ = detail::kept_states(core().graph());
    for (const auto& one : kept_) one->track();
    files_.kept.resize(kept_.size());
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      files_.kept[i].identity = kept_[i]->identity();
      files_.kept[i].partitions.resize(static_cast<std::size_t>(kept_[i]->identity().partitions));
    }
    if (from == nullptr) return;
    files_.batch = from->batch;
    std::vector<detail::kept_identity> now;
    std::vector<detail::kept_identity> written;
    for (const auto& one : kept_) now.push_back(one->identity());
    for (const auto& one : from->kept) written.push_back(one.identity);
    const std::vector<int> found = detail::matched(now, written);
    for (std::size_t i = 0; i < kept_.size(); ++i)
      if (found[i] >= 0) restore(i, from->kept[static_cast<std::size_t>(found[i])]);
  }

  void step() {
    ++files_.batch;
    core().step(time());
  }

  /// After the last batch. `whole`: all pieces.
  const checkpoint_files& checkpoint(bool whole = false) {
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      auto& files = files_.kept[i].partitions;
      const detail::kept_version_ptr version = kept_[i]->version(time());
      if (version == nullptr) continue;
      const auto write = [&](detail::task_context& task, int partition) {
        write_piece(*version, partition, task, whole, files[static_cast<std::size_t>(partition)]);
        return detail::task_result();
      };
      detail::run_job(
          {version->dataset(), detail::all_partitions(*version->dataset()), "checkpoint", write});
      kept_[i]->written(time());
    }
    return files_;
  }

  detail::stream_engine& core() { return *s.streaming().core(); }
  const std::vector<detail::kept_state_ptr>& kept() const { return kept_; }

 private:
  detail::time_point_ms time() const {
    return detail::time_point_ms(std::chrono::seconds(files_.batch));
  }

  static void write_piece(const detail::kept_version& version, int partition,
                          detail::task_context& task, bool whole,
                          std::vector<kept_files::file>& files) {
    std::optional<detail::time_point_ms> since;
    if (!files.empty()) since = files.back().piece.time;
    if (!version.changed(partition, task, since)) return;
    std::vector<detail::kept_piece> pieces;
    for (const auto& one : files) pieces.push_back(one.piece);
    if (whole || detail::whole_is_due(pieces)) since = std::nullopt;
    detail::memory_output out;
    const detail::kept_piece piece = version.write(partition, task, since, out);
    if (!piece.since) files.clear();
    files.push_back({piece, out.text});
  }

  void restore(std::size_t i, const kept_files& written) {
    const auto restore = kept_[i]->restore(written.identity, time());
    for (std::size_t p = 0; p < written.partitions.size(); ++p) {
      std::vector<std::unique_ptr<detail::input_file>> pieces;
      for (const auto& one : written.partitions[p])
        pieces.push_back(std::make_unique<detail::memory_input>(one.bytes));
      restore->read(static_cast<int>(p), std::move(pieces));
    }
    restore->finish();
    // Changes go on from what was read, unless keys were dealt out anew.
    if (written.partitions.size() == files_.kept[i].partitions.size())
      files_.kept[i].partitions = written.partitions;
  }

  std::vector<detail::kept_state_ptr> kept_;
  checkpoint_files files_;
};

/// The rows of each batch in text form, in order.
template <class T>
std::vector<std::vector<std::string>> in_text(const collected<T>& seen, bool sorted = false) {
  std::vector<std::vector<std::string>> all;
  for (const rows<T>& batch : sorted ? seen.sorted() : seen.batches()) {
    auto& texts = all.emplace_back();
    for (const T& row : batch)
      detail::print_row(detail::row_type_of<T>(), &row, texts.emplace_back());
  }
  return all;
}

}  // namespace millrace::testing
