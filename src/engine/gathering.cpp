#include "engine/gathering.hpp"

#include <utility>

#include "millrace/barrier.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/error.hpp"

namespace millrace {

namespace detail {

namespace {
thread_local gathering* current_gathering = nullptr;
thread_local int current_partition = 0;
}  // namespace

gathering_scope::gathering_scope(gathering* all, int partition)
    : before_(std::exchange(current_gathering, all)),
      partition_before_(std::exchange(current_partition, partition)) {}

gathering_scope::~gathering_scope() {
  current_gathering = before_;
  current_partition = partition_before_;
}

std::vector<std::string> gathering::meet(int partition, std::string text) {
  std::unique_lock lock(mutex_);
  if (broken_) throw task_cancelled();
  said_[static_cast<std::size_t>(partition)] = std::move(text);
  if (++here_ == said_.size()) {
    here_ = 0;
    ++meetings_;
    heard_ = said_;
    changed_.notify_all();
    return heard_;
  }
  // Nobody can come to the next meeting before all have left this one: `heard_` stays.
  const std::size_t meeting = meetings_;
  changed_.wait(lock, [&] { return broken_ || meetings_ != meeting; });
  if (meetings_ == meeting) throw task_cancelled();
  return heard_;
}

void gathering::break_up() {
  const std::lock_guard lock(mutex_);
  broken_ = true;
  changed_.notify_all();
}

}  // namespace detail

barrier_tasks barrier_tasks::current() {
  if (detail::current_gathering == nullptr)
    throw usage_error(
        "barrier_tasks: this is no task of a barrier stage, put barrier() before the operation");
  return {*detail::current_gathering, detail::current_partition};
}

int barrier_tasks::partitions() const { return all_->tasks(); }

void barrier_tasks::wait() const { all_->meet(partition_, {}); }

std::vector<std::string> barrier_tasks::all_gather(std::string text) const {
  return all_->meet(partition_, std::move(text));
}

}  // namespace millrace
