// A stream whose dataset of a batch follows from that of the batch before.
#pragma once

#include <memory>
#include <vector>

#include "millrace/detail/dataset/partitioner.hpp"
#include "millrace/detail/streaming/stream_node.hpp"
#include "streaming/state/kept_table.hpp"
#include "streaming/state/state_dataset.hpp"

namespace millrace::detail {

class state_stream : public stream_node, private keyed_stream {
 public:
  state_stream(facts f, std::shared_ptr<const state_operation> operation, partitioner_ptr by);

  const partitioner_ptr& by() const { return by_; }

  bool has_state() const override { return true; }
  void keep_for_reading() override {}  // its datasets hold their rows themselves
  void clear() override;
  std::vector<std::shared_ptr<kept_state>> kept_states() override;

 protected:
  node_ptr compute(time_point_ms time) final;
  /// What the batch reads, partitioned by `by()`.
  virtual std::vector<node_ptr> inputs(time_point_ms time) = 0;
  /// What the first batch reads besides, before all else; null: nothing. It becomes batch 0.
  virtual node_ptr initial() const { return {}; }

 private:
  std::shared_ptr<state_dataset> make(std::int64_t number, time_point_ms time,
                                      std::vector<node_ptr> from);

  kept_identity identity() const override;
  batch_count count() const override;
  const std::shared_ptr<state_store>& store() const override { return store_; }
  const partitioner& partitioned_by() const override { return *by_; }
  std::shared_ptr<const state_dataset> dataset_of(std::int64_t number) override;
  void restored(std::int64_t number) override;

  std::shared_ptr<state_store> store_;
  partitioner_ptr by_;
  std::shared_ptr<state_dataset> last_;
};

}  // namespace millrace::detail
