#include "engine/checkpoints.hpp"

#include <random>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dataset/shuffle.hpp"
#include "engine/actions/save_parts.hpp"
#include "engine/scheduler.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

thread_local bool following = false;  // the jobs of a checkpoint are not followed themselves

/// What replaces a dataset that is kept: where a partition is gone, nothing can make it again.
class kept_only final : public node {
 public:
  explicit kept_only(const node& of)
      : node({of.context(), &of.rows(), "local_checkpoint", of.partitions(), {}, {}, nullptr}) {}
  std::unique_ptr<cursor> open(int partition, task_context&) const override {
    throw error(
        "local_checkpoint: a partition is gone with its executor or by unpersist, and what it was "
        "made of was let go; use checkpoint() where that may happen. Partition: " +
        std::to_string(partition));
  }
};

using node_set = std::unordered_set<const node*>;

void find_asked(const node_ptr& dataset, node_set& seen, std::vector<node_ptr>& asked) {
  if (!seen.insert(dataset.get()).second || dataset->is_checkpointed()) return;
  if (dataset->checkpoint() != node::checkpointing::none) {
    asked.push_back(dataset);
    return;
  }
  for (const auto& parent : dataset->parents()) find_asked(parent, seen, asked);
  for (const auto& from : dataset->shuffles()) find_asked(from->parent(), seen, asked);
}

}  // namespace

void checkpoints::directory(const std::string& directory) {
  std::random_device source;
  std::string own = directory + "/run-";
  for (int i = 0; i < 4; ++i) own += std::to_string(source());
  file_system_for(own).make_directories(own);
  const std::lock_guard lock(mutex_);
  directory_ = std::move(own);
}

void checkpoints::ask(const node& dataset, node::checkpointing how) {
  if (how == node::checkpointing::files) {
    const std::lock_guard lock(mutex_);
    if (directory_.empty())
      throw usage_error(
          "checkpoint: the context has no directory for it, call checkpoint_directory first");
  } else if (dataset.kept() == storage_level::none) {
    dataset.keep(storage_level::memory_and_disk);
  }
  if (dataset.ask_for_checkpoint(how)) asked_.fetch_add(1);
}

void checkpoints::follow(const node_ptr& dataset) {
  if (asked_.load(std::memory_order_relaxed) == 0 || following) return;
  std::vector<node_ptr> asked;
  {
    const std::lock_guard lock(mutex_);
    node_set seen;
    find_asked(dataset, seen, asked);
  }
  if (asked.empty()) return;
  const std::lock_guard lock(at_work_);
  struct scope {
    scope() { following = true; }
    ~scope() { following = false; }
  } const not_again;
  for (const auto& each : asked) {
    if (each->is_checkpointed()) continue;  // by another thread, meanwhile
    if (each->checkpoint() == node::checkpointing::files) write(each);
    else keep(each);
    asked_.fetch_sub(1);
    const std::lock_guard listing(mutex_);
    done_.push_back(each);
    any_done_ = true;
  }
  engine_of(*dataset).jobs().let_lineages_go();
}

std::vector<node::lineage> checkpoints::take_lineages() {
  std::vector<node::lineage> all;
  if (!any_done_.load(std::memory_order_relaxed)) return all;
  const std::lock_guard lock(mutex_);
  for (const auto& dataset : done_) all.push_back(dataset->take_lineage());
  done_.clear();
  any_done_ = false;
  return all;
}

void checkpoints::write(const node_ptr& dataset) {
  std::string path;
  {
    const std::lock_guard lock(mutex_);
    path = directory_ + "/rdd-" + std::to_string(dataset->id());
  }
  save_as_object(dataset, path, true, "checkpoint");
  std::vector<std::string> files;
  for (int p = 0; p < dataset->partitions(); ++p) files.push_back(path + "/" + part_name(p));
  dataset->checkpointed_as(
      from_row_files(dataset->context(), dataset->rows(), "checkpoint", std::move(files)));
}

void checkpoints::keep(const node_ptr& dataset) {
  static_cast<void>(count_rows(dataset));  // what is kept already is not computed again
  dataset->checkpointed_as(std::make_shared<kept_only>(*dataset));
}

void set_checkpoint_directory(engine& of, const std::string& directory) {
  of.checkpointing().directory(directory);
}

void checkpoint_to_files(const node& dataset) {
  engine_of(dataset).checkpointing().ask(dataset, node::checkpointing::files);
}

void checkpoint_locally(const node& dataset) {
  engine_of(dataset).checkpointing().ask(dataset, node::checkpointing::local);
}

}  // namespace millrace::detail
