// Which keys had no row for how long.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "streaming/state/state_store.hpp"

namespace millrace::detail {

/// A key is filed once, under the batch in which it had a row; when that batch is due, it is filed
/// again under the last one in which it had, or it times out. So a batch looks at the keys that are
/// due, and never at all.
class key_timers final : public state_memory {
 public:
  /// Times out in the batch that comes `after` batches after the last row.
  explicit key_timers(std::int64_t after) : after_(after) {}

  bool needs(std::uint32_t) const override { return false; }
  void renumber(const std::vector<std::uint32_t>& ids) override;

  /// Those that may time out in this batch: had their last row `after` batches ago, before it.
  std::vector<std::uint32_t> due(std::int64_t batch) const;
  /// The key had a row in this batch. Once for a batch and key.
  void touch(std::uint32_t id, std::int64_t batch);
  /// The batch is over: who was due and has state yet is filed anew.
  void pass(std::int64_t batch, const keyed_table& table);

  // Of one attempt only: by id, 1 where the key has a row in the batch.
  std::vector<std::uint8_t> present;

 private:
  static constexpr std::int64_t filed = std::int64_t{1} << 62;
  std::int64_t last(std::uint32_t id) const { return touched_[id] & ~filed; }

  std::int64_t after_;
  std::vector<std::int64_t> touched_;  // by id: the batch of the last row, and whether it is filed
  std::map<std::int64_t, std::vector<std::uint32_t>> by_batch_;
};

}  // namespace millrace::detail
