// State by key, as checkpoints see it.
#pragma once

#include <functional>
#include <memory>

#include "streaming/recovery/kept_state.hpp"
#include "streaming/state/state_dataset.hpp"
#include "streaming/state/state_file.hpp"

namespace millrace::detail {

/// What a stream with state shows of itself. Its members are called by the thread that generates
/// batches.
class keyed_stream {
 public:
  virtual ~keyed_stream();
  virtual kept_identity identity() const = 0;
  virtual batch_count count() const = 0;
  virtual const std::shared_ptr<state_store>& store() const = 0;
  virtual const partitioner& partitioned_by() const = 0;
  /// Null: none has been.
  virtual std::shared_ptr<const state_dataset> dataset_of(std::int64_t number) = 0;
  /// The store was restored; batches go on after this one.
  virtual void restored(std::int64_t number) = 0;
};

/// `of` outlives it.
kept_state_ptr kept_table(keyed_stream& of);

}  // namespace millrace::detail
