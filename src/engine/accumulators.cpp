#include "millrace/detail/engine/accumulators.hpp"

#include <utility>

#include "millrace/error.hpp"

namespace millrace::detail {

namespace {
thread_local accumulator_updates* current = nullptr;
}

accumulated::~accumulated() = default;

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
