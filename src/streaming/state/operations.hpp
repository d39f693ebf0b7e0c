// What the operations with state have in common.
#pragma once

#include <memory>

#include "streaming/state/state_stream.hpp"

namespace millrace::detail {

/// Batch 0: the pairs that are there before the first batch; of a key's, the last.
void load(state_work& work);

/// A stream whose batch reads its parent's pairs.
class keyed_state_stream final : public state_stream {
 public:
  keyed_state_stream(facts f, std::shared_ptr<const state_operation> operation, partitioner_ptr by,
                     node_ptr initial);

  void clear() override;

 protected:
  std::vector<node_ptr> inputs(time_point_ms time) override;
  node_ptr initial() const override { return initial_; }

 private:
  node_ptr initial_;
};

}  // namespace millrace::detail
