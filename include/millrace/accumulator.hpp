// Sums on the side: tasks add, the driver reads.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "millrace/detail/engine/accumulators.hpp"

namespace millrace {

/// A handle that is captured by value in functions of datasets; copies share one value. Made by
/// `context::accumulator`. Any thread.
///
///     auto bad = sc.accumulator<std::int64_t>("bad lines");
///     lines.for_each([bad](std::string_view l) { if (l.empty()) bad += 1; });
///     std::cout << bad.value();
///
/// `T` is a copyable value with `T()` as its zero and `+=`, which must be associative. What a task
/// adds counts when it has succeeded, once, however often it was tried; updates of failed attempts
/// do not. They arrive when the task's stage has ended, in the order of the partitions. So what
/// actions add (`for_each`) is exact. What is added in a transformation (`map`) counts as often as
/// the transformation is computed: twice for two actions on what is not cached, and again where a
/// lost shuffle output is computed again.
template <class T>
class accumulator {
 public:
  /// In a task: to what the task adds; elsewhere at once. Not from threads that a function of yours
  /// started within a task.
  template <class U>
  const accumulator& operator+=(U&& update) const {
    if (void* mine = detail::update_in_task(state_))
      *static_cast<T*>(mine) += std::forward<U>(update);
    else state_->add(std::forward<U>(update));
    return *this;
  }

  /// Throws usage_error in a task.
  T value() const {
    detail::check_no_task(*state_);
    return state_->value();
  }
  /// Back to `T()`. Throws usage_error in a task.
  void reset() const {
    detail::check_no_task(*state_);
    state_->reset();
  }
  const std::string& name() const { return state_->name(); }

  /// For `context::accumulator`.
  accumulator(std::string name, T initial)
      : state_(std::make_shared<shared>(std::move(name), std::move(initial))) {}

 private:
  class shared final : public detail::accumulated {
   public:
    shared(std::string name, T initial)
        : accumulated(std::move(name)), value_(std::move(initial)) {}
    std::shared_ptr<void> zero() const override { return std::make_shared<T>(); }
    void merge(const void* from_task) override { add(*static_cast<const T*>(from_task)); }
    template <class U>
    void add(U&& update) {
      const std::lock_guard lock(mutex_);
      value_ += std::forward<U>(update);
    }
    T value() const {
      const std::lock_guard lock(mutex_);
      return value_;
    }
    void reset() {
      const std::lock_guard lock(mutex_);
      value_ = T();
    }

   private:
    mutable std::mutex mutex_;
    T value_;
  };

  std::shared_ptr<shared> state_;
};

}  // namespace millrace
