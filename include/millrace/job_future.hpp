// The result of an action that runs while the program goes on.
#pragma once

#include <chrono>
#include <memory>
#include <type_traits>
#include <utility>

#include "millrace/detail/engine/async.hpp"

namespace millrace {

/// What a `wait_for` found: true where the result is there. Compares with std::future_status too.
class wait_result {
 public:
  explicit wait_result(bool ready) : ready_(ready) {}
  operator bool() const { return ready_; }
  template <class Status>
    requires std::is_enum_v<Status> && requires { Status::ready, Status::timeout; }
  friend bool operator==(wait_result result, Status status) {
    return status == (result.ready_ ? Status::ready : Status::timeout);
  }

 private:
  bool ready_;
};

/// What `count_async`, `collect_async` and the like return. A handle: copies share the action,
/// which goes on when all of them are gone. Any thread. The action runs on a thread of its own, in
/// the job group of the thread that began it; stopping the context ends it.
template <class R>
class job_future {
 public:
  /// Waits for the result, and may be called again. Throws what the action threw: `error` where it
  /// was cancelled.
  R get() const {
    if constexpr (std::is_void_v<R>) static_cast<void>(action_.result());
    else return *static_cast<const R*>(action_.result());
  }
  void wait() const { action_.wait(); }
  template <class Rep, class Period>
  wait_result wait_for(std::chrono::duration<Rep, Period> time) const {
    return wait_result(
        action_.wait_for(std::chrono::duration_cast<std::chrono::nanoseconds>(time)));
  }
  /// Ends its jobs; `get` throws then, unless the result was there before.
  void cancel() const { action_.cancel(); }

  /// For `rdd`: `run` returns an R.
  template <class Run>
  job_future(const detail::node_ptr& dataset, Run run)
      : action_(dataset, [run = std::move(run)]() -> std::shared_ptr<void> {
          if constexpr (std::is_void_v<R>) {
            run();
            return nullptr;
          } else {
            return std::make_shared<R>(run());
          }
        }) {}

 private:
  detail::async_action action_;
};

}  // namespace millrace
