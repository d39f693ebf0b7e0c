#include "millrace/detail/dataset/node.hpp"

#include <utility>

#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

dataset_context::~dataset_context() = default;
task_context::~task_context() = default;

function_state hold_function(void* bytes, void (*destroy)(const void*)) {
  return {static_cast<const void*>(bytes), destroy};
}

node::node(facts f) : facts_(std::move(f)), id_(facts_.context->next_id()) {
  facts_.context->check_running();
  for (const auto& parent : facts_.parents) {
    if (!parent->together()) continue;
    if (parent->partitions() != facts_.partitions)
      throw usage_error(std::string(facts_.operation) +
                        ": after barrier() a task is one partition, repartition the result; "
                        "partitions before and after: " +
                        std::to_string(parent->partitions()) + " and " +
                        std::to_string(facts_.partitions));
    facts_.together = true;
  }
}

node::~node() {
  if (kept() != storage_level::none) facts_.context->forget_blocks(id_);
}

std::unique_ptr<block_cursor> node::open_blocks(int, task_context&) const { return nullptr; }

void node::keep(storage_level level) const {
  storage_level before = storage_level::none;
  if (level == storage_level::none) {
    if (kept_.exchange(level, std::memory_order_acq_rel) != level)
      facts_.context->forget_blocks(id_);
    return;
  }
  if (!kept_.compare_exchange_strong(before, level, std::memory_order_acq_rel) && before != level)
    throw usage_error(
        "persist: the storage level of a dataset cannot be changed, unpersist it first: " +
        std::string(operation()));
}

bool node::ask_for_checkpoint(checkpointing how) const {
  auto before = checkpointing::none;
  return checkpoint_.compare_exchange_strong(before, how, std::memory_order_acq_rel);
}

void node::checkpointed_as(node_ptr replacement) const {
  replacement_ = std::move(replacement);
  checkpoint_.store(checkpointing::done, std::memory_order_release);
}

node::lineage node::take_lineage() const {
  return {std::exchange(facts_.parents, {}), std::exchange(facts_.shuffles, {})};
}

std::unique_ptr<cursor> node::compute(int partition, task_context& task) const {
  return is_checkpointed() ? replacement_->open(partition, task) : open(partition, task);
}

std::string node::name() const {
  const auto name = std::atomic_load(&name_);
  return name != nullptr ? *name : std::string();
}

void node::name(std::string text) const {
  std::atomic_store(&name_, std::make_shared<const std::string>(std::move(text)));
}

std::unique_ptr<cursor> task_context::open(const node& dataset, int partition) {
  return dataset.kept() == storage_level::none ? dataset.compute(partition, *this)
                                               : open_kept(dataset, partition);
}

void task_context::spilled(std::string_view, std::uint64_t, std::uint64_t) {}

std::unique_ptr<block_cursor> task_context::open_blocks(const node& dataset, int partition) {
  return dataset.kept() == storage_level::none && !dataset.is_checkpointed()
             ? dataset.open_blocks(partition, *this)
             : nullptr;
}

}  // namespace millrace::detail
