// Datasets that are to be written down, so that what they were made of can be let go.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/detail/dataset/node.hpp"

namespace millrace::detail {

/// Any thread.
class checkpoints {
 public:
  void directory(const std::string& directory);
  void ask(const node& dataset, node::checkpointing how);
  /// After a job of `dataset`: checkpoints what is asked for of it and of what it was made of, but
  /// nothing below another that is. Throws what the jobs for that throw; it is asked for still
  /// then.
  void follow(const node_ptr& dataset);
  /// Of what has been checkpointed since the last call. REQUIRES: no job runs, and none begins.
  std::vector<node::lineage> take_lineages();

 private:
  void write(const node_ptr& dataset);
  void keep(const node_ptr& dataset);

  std::atomic<int> asked_{0};
  std::atomic<bool> any_done_{false};
  std::mutex at_work_;  // one thread at a time, or two would write the same
  std::mutex mutex_;    // of what follows, and of reading lineages while no job of ours runs
  std::string directory_;
  std::vector<node_ptr> done_;
};

}  // namespace millrace::detail
