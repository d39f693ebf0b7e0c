#include "streaming/state/state_dataset.hpp"

#include <utility>

namespace millrace::detail {

namespace {

class nothing final : public cursor {
 public:
  flow step(const sink&) override { return flow::enough; }
};

}  // namespace

state_dataset::state_dataset(context_ptr context, const row_type& rows, partitioner_ptr by,
                             std::shared_ptr<state_store> store, std::int64_t number,
                             time_point_ms time, std::vector<node_ptr> inputs,
                             std::shared_ptr<const state_dataset> before)
    : node({std::move(context),
            &rows,
            store->operation().name(),
            store->partitions(),
            inputs,
            {},
            store->operation().emits() == nullptr ? std::move(by) : nullptr}),
      store_(std::move(store)),
      number_(number),
      time_(time),
      inputs_(std::move(inputs)),
      left_(store_->partitions()),
      before_(std::move(before)),
      results_(static_cast<std::size_t>(store_->partitions())) {
  if (before_ != nullptr && before_->computed()) before_ = nullptr;
}

state_dataset::state_dataset(context_ptr context, const row_type& rows, partitioner_ptr by,
                             std::shared_ptr<state_store> store, std::int64_t number,
                             time_point_ms time)
    : state_dataset(std::move(context), rows, std::move(by), std::move(store), number, time,
                    std::vector<node_ptr>(), nullptr) {
  for (int p = 0; p < store_->partitions(); ++p)
    results_[static_cast<std::size_t>(p)] = store_->current(p);
  left_ = 0;
}

state_dataset::~state_dataset() {
  // A chain that only this one holds: one after another, not one inside the other.
  std::shared_ptr<const state_dataset> one = std::move(before_);
  while (one != nullptr && one.use_count() == 1) {
    std::shared_ptr<const state_dataset> next = std::move(one->before_);
    one = std::move(next);
  }
}

std::shared_ptr<const state_dataset> state_dataset::earlier() const {
  const std::lock_guard lock(mutex_);
  return before_;
}

node_ptr state_dataset::before() const { return earlier(); }

/// REQUIRES: the partition's `applying` is held, and the batch before was applied. False:
/// cancelled.
bool state_dataset::apply(int partition, task_context& task) const {
  batch_result done = store_->apply(partition, number_, time_, inputs_, task);
  if (done.version == nullptr) return false;
  std::shared_ptr<const state_dataset> ended;
  const std::lock_guard lock(mutex_);
  results_[static_cast<std::size_t>(partition)] = std::move(done);
  if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) ended = std::move(before_);
  return true;
}

batch_result state_dataset::result(int partition, task_context& task) const {
  const auto p = static_cast<std::size_t>(partition);
  {
    const std::lock_guard lock(mutex_);
    if (results_[p].version != nullptr) return results_[p];
  }
  const std::lock_guard one_at_a_time(store_->applying(partition));
  const auto done = [p](const state_dataset& d) {
    const std::lock_guard lock(d.mutex_);
    return d.results_[p].version != nullptr;
  };
  std::vector<std::shared_ptr<const state_dataset>> todo;
  for (auto one = earlier(); one != nullptr && !done(*one); one = one->earlier())
    todo.push_back(one);
  for (auto one = todo.rbegin(); one != todo.rend(); ++one)
    if (!(*one)->apply(partition, task)) return {};
  if (!done(*this) && !apply(partition, task)) return {};
  const std::lock_guard lock(mutex_);
  return results_[p];
}

std::unique_ptr<cursor> state_dataset::open(int partition, task_context& task) const {
  batch_result of = result(partition, task);
  if (of.version == nullptr) return std::make_unique<nothing>();
  return of.emitted != nullptr ? read_rows(std::move(of.emitted))
                               : read_version(std::move(of.version), rows());
}

namespace {

class snapshot_node final : public node {
 public:
  snapshot_node(facts f, std::shared_ptr<const state_dataset> of)
      : node(std::move(f)), of_(std::move(of)) {}
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    batch_result result = of_->result(partition, task);
    if (result.version == nullptr) return std::make_unique<nothing>();
    return read_version(std::move(result.version), rows());
  }

 private:
  std::shared_ptr<const state_dataset> of_;
};

}  // namespace

node_ptr snapshot_of(std::shared_ptr<const state_dataset> of, const row_type& rows,
                     partitioner_ptr by) {
  node::facts f{of->context(), &rows, "snapshots", of->partitions(), {of}, {}, std::move(by)};
  return std::make_shared<snapshot_node>(std::move(f), std::move(of));
}

}  // namespace millrace::detail
