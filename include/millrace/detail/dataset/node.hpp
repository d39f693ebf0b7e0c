// A dataset, untyped: what it is made of and how one partition of it is computed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/base/settings.hpp"
#include "millrace/detail/dataset/cursor.hpp"
#include "millrace/detail/dataset/kernel.hpp"
#include "millrace/detail/dataset/row_type.hpp"
#include "millrace/storage_level.hpp"

namespace millrace::detail {

class node;
class shuffle;
class task_context;
struct partitioner;

using node_ptr = std::shared_ptr<const node>;
using shuffle_ptr = std::shared_ptr<const shuffle>;
using partitioner_ptr = std::shared_ptr<const partitioner>;

/// What datasets share: numbering and defaults. The engine's context is one.
class dataset_context {
 public:
  virtual ~dataset_context();
  /// Numbers datasets and shuffles, from 0.
  std::int64_t next_id() { return next_id_.fetch_add(1, std::memory_order_relaxed); }
  virtual const settings& conf() const = 0;
  virtual int default_parallelism() const = 0;
  /// True where the program set `default.parallelism` itself: then it, not the parents' number of
  /// partitions, is what a shuffle gets.
  virtual bool parallelism_is_set() const = 0;
  /// Throws usage_error once the context was stopped.
  virtual void check_running() const = 0;
  /// What a job computed of the shuffle may be dropped: its dataset is gone.
  virtual void forget_shuffle(std::int64_t shuffle) noexcept = 0;
  /// The same for kept partitions.
  virtual void forget_blocks(std::int64_t node) noexcept = 0;

 private:
  std::atomic<std::int64_t> next_id_{0};
};
using context_ptr = std::shared_ptr<dataset_context>;

/// Five facts make a dataset: its row type, its partitions, its parents (narrow ones and shuffles),
/// how a partition is computed, and how its keys are partitioned (or that they are not).
/// Immutable after construction but for its storage level and name; shared by handles and children.
class node {
 public:
  struct facts {
    context_ptr context;
    const row_type* rows;
    std::string_view operation;  // a literal: "map", "reduce_by_key"
    int partitions = 0;
    std::vector<node_ptr> parents;  // read partition by partition, in the same task
    std::vector<shuffle_ptr> shuffles;
    partitioner_ptr by_key;  // null: not partitioned by key
    bool together = false;   // its tasks run at the same time; so do those of what is made of it
  };
  explicit node(facts f);
  node(const node&) = delete;
  node& operator=(const node&) = delete;
  virtual ~node();

  std::int64_t id() const { return id_; }
  const row_type& rows() const { return *facts_.rows; }
  std::string_view operation() const { return facts_.operation; }
  int partitions() const { return facts_.partitions; }
  std::span<const node_ptr> parents() const { return facts_.parents; }
  std::span<const shuffle_ptr> shuffles() const { return facts_.shuffles; }
  const partitioner_ptr& by_key() const { return facts_.by_key; }
  bool together() const { return facts_.together; }
  const context_ptr& context() const { return facts_.context; }

  /// Computes a partition: called in a task, by `task_context::open` alone (which looks for a kept
  /// copy first).
  virtual std::unique_ptr<cursor> open(int partition, task_context& task) const = 0;
  /// The same as raw text, where the rows are lines of blocks; else null.
  virtual std::unique_ptr<block_cursor> open_blocks(int partition, task_context& task) const;

  // ---- datasets that keep what they computed
  /// True once it holds all its partitions itself: what it was made from is not needed any more.
  virtual bool computed() const { return false; }
  /// A dataset (of an earlier batch) whose partitions must be computed before this one's, in the
  /// same task; null once they were.
  virtual node_ptr before() const { return {}; }

  // ---- checkpoints

  /// What the program asked for. Once the data lies elsewhere, `compute` reads it there and the
  /// lineage is let go.
  enum class checkpointing : unsigned char { none, files, local, done };
  checkpointing checkpoint() const { return checkpoint_.load(std::memory_order_acquire); }
  bool is_checkpointed() const { return checkpoint() == checkpointing::done; }
  /// False: it was asked for before, or is done.
  bool ask_for_checkpoint(checkpointing how) const;
  /// What replaces the computation from now on: a dataset of the same rows and partitions.
  void checkpointed_as(node_ptr replacement) const;
  struct lineage {
    std::vector<node_ptr> parents;
    std::vector<shuffle_ptr> shuffles;
  };
  /// What it was made of, to be destroyed. REQUIRES: checkpointed, and nobody reads it meanwhile.
  lineage take_lineage() const;
  /// `open`, or the same partition of what replaces it.
  std::unique_ptr<cursor> compute(int partition, task_context& task) const;

  // ---- what the program may set later
  storage_level kept() const { return kept_.load(std::memory_order_acquire); }
  void keep(storage_level level) const;
  std::string name() const;
  void name(std::string text) const;

 private:
  mutable facts facts_;
  std::int64_t id_;
  mutable std::atomic<storage_level> kept_{storage_level::none};
  mutable std::shared_ptr<const std::string> name_;
  mutable std::atomic<checkpointing> checkpoint_{checkpointing::none};
  mutable node_ptr replacement_;  // written before `checkpoint_` is done
};

/// A narrow operation with one parent: `k` runs on each chunk.
node_ptr narrow(const node_ptr& parent, const row_type& rows, std::string_view operation, kernel k,
                bool keeps_partitioner = false);

}  // namespace millrace::detail
