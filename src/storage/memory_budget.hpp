// How much memory the process may use for what is large, and how it is shared out.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "millrace/detail/base/settings.hpp"

namespace millrace::detail {

/// What the setting `memory.budget` says; unset: three fifths of what the machine, or the cgroup
/// of this process, has.
[[nodiscard]] std::uint64_t memory_budget_of(const settings& conf);

/// One budget in fixed shares. Half is for the operators that run: each of the `tasks` that run at
/// once may have two large ones (the end of a shuffle and the beginning of the next), and each
/// knows its share beforehand. So whether something goes to disk depends on the data and the
/// settings, and never on what other threads hold. A quarter is for map outputs, a quarter for
/// kept partitions. Any thread.
class memory_budget {
 public:
  memory_budget(std::uint64_t total, int tasks);

  [[nodiscard]] std::size_t total() const { return total_; }
  /// What one table, sort or group of one task may hold.
  [[nodiscard]] std::size_t of_operator() const { return of_operator_; }

  /// Bytes that outlive their task, counted against a limit.
  class pool {
   public:
    explicit pool(std::size_t limit) : limit_(limit) {}
    [[nodiscard]] std::size_t limit() const { return limit_; }
    [[nodiscard]] std::size_t held() const { return held_.load(std::memory_order_relaxed); }
    /// False: there is no room.
    [[nodiscard]] bool take(std::size_t bytes);
    void give_back(std::size_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }

   private:
    const std::size_t limit_;
    std::atomic<std::size_t> held_{0};
  };
  pool& outputs() { return outputs_; }
  pool& blocks() { return blocks_; }

 private:
  std::size_t total_;
  std::size_t of_operator_;
  pool outputs_;
  pool blocks_;
};

/// A part of a pool, given back when it is destroyed.
class held_memory {
 public:
  held_memory() = default;
  explicit held_memory(memory_budget::pool& from) : from_(&from) {}
  held_memory(held_memory&& other) noexcept
      : from_(other.from_), bytes_(std::exchange(other.bytes_, 0)) {}
  held_memory& operator=(held_memory&& other) noexcept {
    std::swap(from_, other.from_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  held_memory(const held_memory&) = delete;
  held_memory& operator=(const held_memory&) = delete;
  ~held_memory() { clear(); }

  /// Makes it `bytes` in all; false: there is no room, and it stays as it was.
  [[nodiscard]] bool grow_to(std::size_t bytes) {
    if (bytes <= bytes_) return true;
    if (from_ == nullptr || !from_->take(bytes - bytes_)) return false;
    bytes_ = bytes;
    return true;
  }
  void clear() {
    if (bytes_ != 0) from_->give_back(std::exchange(bytes_, 0));
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  memory_budget::pool* from_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace millrace::detail
