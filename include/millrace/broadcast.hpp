// A value that many functions read.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "millrace/error.hpp"

namespace millrace {

/// A read-only value that is shared by all functions that capture the handle, instead of being
/// copied with each: a table to look things up in. Made by `context::broadcast`. Copies share the
/// value, which is freed with the last of them. Any thread; reading takes no lock.
template <class T>
class broadcast {
 public:
  /// Valid as long as any copy of the handle. Throws usage_error after `destroy`.
  const T& value() const {
    if (state_->destroyed.load(std::memory_order_acquire))
      throw usage_error("broadcast: this value was destroyed, make a new one");
    return state_->value;
  }
  /// Frees copies that executors hold; they get it again when they need it. In one process there
  /// are none.
  void unpersist() const {}
  /// The value may not be read any more.
  void destroy() const { state_->destroyed.store(true, std::memory_order_release); }

  /// For `context::broadcast`.
  explicit broadcast(T value) : state_(std::make_shared<shared>(std::move(value))) {}

 private:
  struct shared {
    explicit shared(T v) : value(std::move(v)) {}
    const T value;
    std::atomic<bool> destroyed{false};
  };
  std::shared_ptr<shared> state_;
};

}  // namespace millrace
