#include "millrace/detail/engine/accumulators.hpp"

#include <algorithm>
#include <utility>

#include "millrace/error.hpp"

namespace millrace::detail {

namespace {
thread_local accumulator_updates* current = nullptr;
thread_local std::shared_ptr<accumulator_tally> current_tally;
}  // namespace

accumulated::~accumulated() = default;

void accumulator_list::add(const accumulated_ptr& one) {
  const std::lock_guard lock(mutex_);
  all_.push_back(one);
}

std::vector<accumulated_ptr> accumulator_list::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<accumulated_ptr> alive;
  std::erase_if(all_, [&](const std::weak_ptr<accumulated>& one) {
    accumulated_ptr held = one.lock();
    if (held == nullptr) return true;
    alive.push_back(std::move(held));
    return false;
  });
  return alive;
}

void accumulator_tally::settle() {
  const std::lock_guard lock(mutex_);
  decided_ = true;
  for (const accumulated_ptr& one : touched_) one->settle(*this);
  touched_.clear();
}

void accumulator_tally::drop() {
  const std::lock_guard lock(mutex_);
  decided_ = true;
  for (const accumulated_ptr& one : touched_) one->drop(*this);
  touched_.clear();
}

void accumulator_tally::count(const accumulated_ptr& to,
                              const std::function<void(const accumulator_tally* by)>& add) {
  if (current_tally == nullptr) return add(nullptr);
  accumulator_tally& tally = *current_tally;
  const std::lock_guard lock(tally.mutex_);
  if (tally.decided_) return add(nullptr);
  if (std::find(tally.touched_.begin(), tally.touched_.end(), to) == tally.touched_.end())
    tally.touched_.push_back(to);
  add(&tally);
}

accumulator_tally::scope::scope(std::shared_ptr<accumulator_tally> tally)
    : before_(std::exchange(current_tally, std::move(tally))) {}
accumulator_tally::scope::~scope() { current_tally = std::move(before_); }

std::shared_ptr<accumulator_tally> accumulator_tally::current() { return current_tally; }

void* update_in_task(const accumulated_ptr& to) {
  if (current == nullptr) return nullptr;
  for (const auto& update : *current)  // a handful at most
    if (update.to == to) return update.value.get();
  current->push_back({to, to->zero()});
  return current->back().value.get();
}

void check_no_task(const accumulated& of) {
  if (current != nullptr)
    throw usage_error(
        "an accumulator has its value at the driver, and a task may only add to it: \"" +
        of.name() + "\"");
}

updates_scope::updates_scope(accumulator_updates& updates)
    : before_(std::exchange(current, &updates)) {}
updates_scope::~updates_scope() { current = before_; }

}  // namespace millrace::detail
