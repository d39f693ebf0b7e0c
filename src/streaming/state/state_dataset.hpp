// The dataset that a stream with state has for a batch.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "millrace/detail/dataset/node.hpp"
#include "streaming/state/state_store.hpp"

namespace millrace::detail {

/// Its partitions bring the store from the batch before to this one, once, whoever opens them
/// first; from then on they are read as this batch left them, also when later batches have come.
class state_dataset final : public node {
 public:
  /// `inputs` are partitioned as the store is. `before`: the batch before; null: this is the first.
  state_dataset(context_ptr context, const row_type& rows, partitioner_ptr by,
                std::shared_ptr<state_store> store, std::int64_t number, time_point_ms time,
                std::vector<node_ptr> inputs, std::shared_ptr<const state_dataset> before);
  /// What the store holds now, as the batch of that number left it; the batches before are not
  /// known.
  state_dataset(context_ptr context, const row_type& rows, partitioner_ptr by,
                std::shared_ptr<state_store> store, std::int64_t number, time_point_ms time);
  ~state_dataset() override;

  std::int64_t number() const { return number_; }
  bool computed() const override { return left_.load(std::memory_order_acquire) == 0; }
  node_ptr before() const override;
  std::unique_ptr<cursor> open(int partition, task_context& task) const override;

  /// What the batch left; applies it if nobody did. Without a version: the task was cancelled.
  batch_result result(int partition, task_context& task) const;

 private:
  std::shared_ptr<const state_dataset> earlier() const;
  bool apply(int partition, task_context& task) const;

  std::shared_ptr<state_store> store_;
  std::int64_t number_;
  time_point_ms time_;
  std::vector<node_ptr> inputs_;
  mutable std::atomic<int> left_;
  mutable std::mutex mutex_;  // guards what follows
  mutable std::shared_ptr<const state_dataset> before_;
  mutable std::vector<batch_result> results_;
};

/// The pairs of the table as the batch left it, where the dataset itself has other rows.
node_ptr snapshot_of(std::shared_ptr<const state_dataset> of, const row_type& rows,
                     partitioner_ptr by);

}  // namespace millrace::detail
