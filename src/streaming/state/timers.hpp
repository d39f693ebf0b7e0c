// Which keys had no row for how long.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "streaming/state/state_store.hpp"

namespace millrace::detail {

/// A key is filed once, under the batch in which it had a row; when that batch is due, it is filed
/// again under the last one in which it had (its stamp in the table), or it times out. So a batch
/// looks at the keys that are due, and never at all.
class key_timers final : public state_memory {
 public:
  /// Times out in the batch that comes `after` batches after the last row.
  explicit key_timers(std::int64_t after) : after_(after) {}

  bool needs(std::uint32_t) const override { return false; }
  void renumber(const std::vector<std::uint32_t>& ids) override;
  void restore(keyed_table& table, std::int64_t number, unit_list units) override;

  /// Those that may time out in this batch: had their last row `after` batches ago, before it. In
  /// the order of their arrival in the table.
  std::vector<std::uint32_t> due(std::int64_t batch, const keyed_table& table) const;
  /// Makes room for filing keys under the batch, and for filing anew those that are due. Before
  /// the table changes.
  void prepare(std::int64_t batch, const std::vector<std::uint32_t>& ids, const keyed_table& table);
  /// The key had a row in this batch, and has state. REQUIRES: prepared.
  void touch(std::uint32_t id, std::int64_t batch) noexcept;
  /// The batch is over: who was due and has state yet is filed anew. REQUIRES: prepared.
  void pass(std::int64_t batch, const keyed_table& table) noexcept;

  // Of one attempt only: by id, 1 where the key has a row in the batch.
  std::vector<std::uint8_t> present;

 private:
  std::int64_t after_;
  std::vector<std::uint8_t> filed_;  // by id
  std::map<std::int64_t, std::vector<std::uint32_t>> by_batch_;
};

}  // namespace millrace::detail
