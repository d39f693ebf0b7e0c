#include "streaming/commit_turns.hpp"

#include "millrace/error.hpp"
#include "millrace/sink.hpp"

namespace millrace::detail {
namespace {

thread_local const commit_turns::scope* current = nullptr;

}  // namespace

commit_turns::scope::scope(commit_turns* turns, time_point_ms batch)
    : turns_(turns), batch_(batch), before_(current) {
  current = this;
}

commit_turns::scope::~scope() { current = before_; }

void commit_turns::begin(time_point_ms batch) {
  const std::lock_guard lock(mutex_);
  running_.insert(batch);
}

void commit_turns::end(time_point_ms batch) {
  const std::lock_guard lock(mutex_);
  running_.erase(batch);
  changed_.notify_all();
}

void commit_turns::give_up() {
  const std::lock_guard lock(mutex_);
  given_up_ = true;
  changed_.notify_all();
}

/// Jobs are taken in order, so all that this one waits for run already.
void commit_turns::await(time_point_ms batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return given_up_ || running_.empty() || *running_.begin() >= batch; });
  if (given_up_)
    throw error("a batch before this one was not done, so this one can't be committed");
}

void commit_turns::await_own() {
  if (current != nullptr && current->turns_ != nullptr) current->turns_->await(current->batch_);
}

void await_turn_to_commit() { commit_turns::await_own(); }

}  // namespace millrace::detail
