// A store of keys and values in memory, for tests; each call may be told to fail.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "millrace/error.hpp"
#include "storage/key_value_store.hpp"

namespace millrace::detail {

class memory_store final : public key_value_store {
 public:
  /// The call of this number fails, counted from now, 0 the next.
  void fail(int after) { fail_after_ = after; }
  std::size_t size() const { return pairs_.size(); }

  void get(std::span<const std::string_view> keys, const found_value& found) override {
    count();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto at = pairs_.find(keys[i]);
      if (at != pairs_.end()) found(i, at->second);
    }
  }
  void scan(std::string_view first, std::string_view end, const found_pair& found) override {
    count();
    for (auto at = pairs_.lower_bound(first); at != pairs_.end() && at->first < end; ++at)
      found(at->first, at->second);
  }
  void write(const key_value_changes& changes) override {
    count();
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const auto change = changes[i];
      if (change.remove) pairs_.erase(std::string(change.key));
      else pairs_[std::string(change.key)] = change.value;
    }
  }
  void forget(std::string_view first, std::string_view end) override {
    pairs_.erase(pairs_.lower_bound(first), pairs_.lower_bound(end));
  }

 private:
  void count() {
    if (fail_after_ >= 0 && fail_after_-- == 0) throw error("the disk is full");
  }
  std::map<std::string, std::string, std::less<>> pairs_;
  int fail_after_ = -1;
};

}  // namespace millrace::detail
