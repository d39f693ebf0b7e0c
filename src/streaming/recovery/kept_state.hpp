// What streams keep from batch to batch, as checkpoints see it: the port between operations with
// state (state/, windows/), which implement it, and recovery, which says when, where and for how
// long. Files are described in docs/formats/state.md.
//
//   start        for (auto& kept : kept_states(graph)) kept->track();
//   a batch      after its datasets were generated, by the thread that generates batches:
//                  version = kept->version(time);          // cheap; copies nothing
//                once the batch is done, while later ones run, on any thread:
//                  for each partition p, in a task of a job over version->dataset():
//                    if (version->changed(p, last[p].time))
//                      piece = version->write(p, task, whole_is_due(pieces[p]) ? nullopt
//                                                                   : last[p].time, file);
//                sync, rename, manifest; then kept->written(time)
//   recovery     graph.start(zero of the run that is recovered);
//                  for each that was `matched`:
//                  restore = kept->restore(identity as it was written, time);
//                  for each partition as it was written, on any threads: restore->read(p, files);
//                  restore->finish();
//                and the batches after `time` are run again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/detail/base/clock.hpp"
#include "millrace/detail/dataset/node.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/detail/streaming/stream_graph.hpp"

namespace millrace::detail {

/// What a manifest says of something that is kept, and by which it is found again in the graph of
/// a program that may have changed since: first by all three texts, then, where either has no name,
/// by kind and fingerprint.
struct kept_identity {
  /// Given by `named`; else empty.
  std::string name;
  /// "map_with_state", "reduce_by_key_and_window", "rows of window".
  std::string kind;
  /// What must not change: types of keys and state, the length of a window. Types that bring a
  /// codec are there by name; their codec reads older versions of itself.
  std::string fingerprint;
  /// May change: keys are dealt out anew.
  int partitions = 0;

  /// "map_with_state \"totals\" of (text, int64)", for messages and plans.
  [[nodiscard]] std::string description() const;
  /// Whether state that was written as `other` can be brought back as this: all is equal but for
  /// partitions, and for a name that one of them has not.
  [[nodiscard]] bool matches(const kept_identity& other) const;
};

/// Which of `written` each of `now` is brought back from: its index, or -1.
[[nodiscard]] std::vector<int> matched(std::span<const kept_identity> now,
                                       std::span<const kept_identity> written);
/// usage_error: what was written as `as_written` cannot be brought back as `now`.
void check_matches(const kept_identity& now, const kept_identity& as_written);

/// A file of one partition: all that is kept as a batch left it, or what changed since an earlier
/// one.
struct kept_piece {
  time_point_ms time{};
  std::optional<time_point_ms> since;  // none: it is whole
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
};

/// Whether the next piece should be whole: pieces, a whole one first, are as many or as large as
/// reading them back may cost. What is written stays proportional to what changes: a whole piece is
/// written after changes of its own size.
[[nodiscard]] bool whole_is_due(std::span<const kept_piece> pieces);

/// What is kept, as one batch leaves it. Later batches may run meanwhile: what they replace stays
/// for as long as this lives, so hold it no longer than writing takes. Any thread.
class kept_version {
 public:
  virtual ~kept_version();

  /// Of the batch.
  [[nodiscard]] virtual time_point_ms time() const = 0;
  /// What `write` reads: it is called in tasks of a job over this, a task a partition. Where the
  /// batch's outputs left partitions out, the job computes them.
  [[nodiscard]] virtual node_ptr dataset() const = 0;
  /// False: the partition is as it was at `since`, so no piece is needed. REQUIRES: as for `write`.
  [[nodiscard]] virtual bool changed(int partition, task_context& task,
                                     std::optional<time_point_ms> since) const = 0;
  /// Writes one piece: what changed after the batch of `since`, or all where that is none or where
  /// the difference is not known any more (the piece that is returned says which). Costs time and
  /// bytes for what it writes, not for what there is. The caller syncs and closes `to`. May be
  /// called again, with another file, where it failed. REQUIRES: `since` is the time of a piece
  /// that this partition has, and will be read before this one.
  virtual kept_piece write(int partition, task_context& task, std::optional<time_point_ms> since,
                           output_file& to) const = 0;
};
using kept_version_ptr = std::shared_ptr<const kept_version>;

/// Brings back what was kept. `read` may run for several partitions at once.
class kept_restore {
 public:
  virtual ~kept_restore();

  /// `pieces` of a partition, as it was written: a whole one and those that follow from it, in
  /// order. Throws `error` where one is damaged or does not follow from the one before, with the
  /// file and the offset; then nothing was restored and `finish` must not be called. A partition
  /// without pieces was empty.
  virtual void read(int partition, std::vector<std::unique_ptr<input_file>> pieces) = 0;
  /// All partitions were read: puts what is kept in place. One thread.
  virtual void finish() = 0;
};

/// One thing that a stream keeps. Lives as long as its stream's graph.
class kept_state {
 public:
  virtual ~kept_state();

  [[nodiscard]] virtual kept_identity identity() const = 0;

  /// From now on `version` is going to be asked for: changes are recorded, one number for each key
  /// that a batch touches. Before the first batch.
  virtual void track() = 0;
  /// As the batch of `time` leaves it; where the stream's slide is longer, as its last batch up to
  /// then does. Called once for a time, in order of time, by the thread that generates batches,
  /// after the datasets of `time` and before those of a later batch. Null: no batch of the stream
  /// has been yet, so there is nothing to write and nothing to restore.
  [[nodiscard]] virtual kept_version_ptr version(time_point_ms time) = 0;
  /// What the batches up to this one changed is on disk for good, in all partitions where anything
  /// did: it is not asked for again. Any thread.
  virtual void written(time_point_ms time) = 0;

  /// Begins to bring back what was kept as of the batch of `time`. `as_written` is its identity in
  /// the manifest; its partitions may differ in number. The graph has been started, with the zero
  /// time of the run that wrote it; no batch has been. usage_error: types or windows differ.
  [[nodiscard]] virtual std::unique_ptr<kept_restore> restore(const kept_identity& as_written,
                                                              time_point_ms time) = 0;
};
using kept_state_ptr = std::shared_ptr<kept_state>;

/// All that the streams which outputs need keep, in an order that the graph's shape decides.
/// usage_error: two that a manifest could not tell apart; one of them needs a name (`named`).
/// REQUIRES: the graph has been started.
[[nodiscard]] std::vector<kept_state_ptr> kept_states(const stream_graph& graph);

}  // namespace millrace::detail
