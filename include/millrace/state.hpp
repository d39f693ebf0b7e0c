// What a stream keeps for a key from batch to batch.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "millrace/error.hpp"

namespace millrace {

template <class T>
class rdd;
namespace detail {
struct state_access;
}

/// The state of the key that a function of `map_with_state` is called for. Lives for that call.
template <class S>
class state {
 public:
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  bool exists() const { return now_ != nullptr; }
  /// usage_error: there is none.
  const S& get() const {
    if (now_ == nullptr) throw usage_error("state.get: the key has no state");
    return *now_;
  }
  S get_or(S otherwise) const { return now_ != nullptr ? *now_ : std::move(otherwise); }
  /// From now on, and for the key's next row. usage_error: after `remove`, or while timing out.
  void update(S value) {
    refuse("update");
    if (removed_) throw usage_error("state.update: the state has been removed in this call");
    updated_.emplace(std::move(value));
    now_ = &*updated_;
  }
  /// The key is forgotten. usage_error: when called twice, or while timing out.
  void remove() {
    refuse("remove");
    if (removed_) throw usage_error("state.remove: the state has been removed in this call");
    removed_ = true;
    updated_.reset();
    now_ = nullptr;
  }
  /// True in the one call for a key that was idle for too long: there is no value then, and the
  /// state goes after it.
  bool timing_out() const { return timing_out_; }

 private:
  friend struct detail::state_access;
  state(const S* now, bool timing_out) : now_(now), timing_out_(timing_out) {}
  void refuse(const char* what) const {
    if (timing_out_) throw usage_error(std::string("state.") + what + ": the state is timing out");
  }

  const S* now_;
  std::optional<S> updated_;
  bool removed_ = false;
  bool timing_out_;
};

/// Whether `update_state_by_key` calls its function for keys without new values.
enum class idle { call, skip };

template <class K, class S>
struct update_state_options {
  /// What keys have before the first batch; where a key is there twice, the last pair counts.
  std::optional<rdd<std::pair<K, S>>> initial = std::nullopt;
  /// 0: the context's default parallelism.
  int partitions = 0;
  millrace::idle idle = millrace::idle::call;
};

template <class K, class S>
struct map_with_state_options {
  /// As above.
  std::optional<rdd<std::pair<K, S>>> initial = std::nullopt;
  /// A key that had no row for longer than this times out, in the first batch for which that holds.
  /// 0: never.
  std::chrono::milliseconds timeout{0};
  int partitions = 0;
};

}  // namespace millrace
