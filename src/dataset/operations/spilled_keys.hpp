// Groups and joins of sides that do not fit in memory: sorted by the hash of the key, rows of one
// key meet; what becomes of them is sorted back into the order that it would have had.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "dataset/operations/rows_by_key.hpp"
#include "dataset/row_sorter.hpp"

namespace millrace::detail {

/// One side in order of its keys' hashes.
class side_by_hash {
 public:
  /// `arrived` numbers the rows and goes on from there.
  side_by_hash(const row_type& pairs, row_runs input, std::size_t share, std::uint64_t& arrived,
               std::string_view operation, task_context& task);

  /// False: there are no more rows.
  bool more() { return at_ < rows_.rows().size() || advance(); }
  /// Of the row at hand, until `pop`.
  std::uint64_t hash() const { return rows_.orders()[at_].major; }
  std::uint64_t arrival() const { return rows_.orders()[at_].minor; }
  char* row() { return static_cast<char*>(rows_.rows().row(at_)); }
  void pop() { ++at_; }

 private:
  bool advance();

  row_sorter rows_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

/// All rows of one side with one hash, by key (most often there is only one).
class rows_of_hash {
 public:
  explicit rows_of_hash(const row_type& pairs)
      : pairs_(pairs), key_at_(pairs.field(0).offset), rows_(pairs) {}

  /// Takes the side's rows with this hash. Throws where they are more than `most` bytes.
  void take(side_by_hash& from, std::uint64_t hash, std::size_t most, std::string_view operation);

  std::size_t keys() const { return keys_.size(); }
  const char* key(std::size_t k) const { return keys_[k].key; }
  std::uint64_t arrival(std::size_t k) const { return keys_[k].arrival; }
  /// The number of an equal key; `keys()`: there is none.
  std::size_t find(const char* key) const;

  /// The rows of a key, as kept rows (see `kept_whole`).
  const void* rows(std::size_t k) const;
  std::uint32_t count(std::size_t k) const { return keys_[k].count; }
  const std::vector<const void*>& addresses(std::size_t k) const { return keys_[k].addresses; }

 private:
  struct one_key {
    const char* key;
    std::uint64_t arrival;
    std::uint32_t count = 0;
    std::vector<const void*> addresses;
    std::vector<char> whole;
  };
  const row_type& pairs_;
  std::uint32_t key_at_;
  row_buffer rows_;
  std::vector<std::uint64_t> arrivals_;
  std::vector<one_key> keys_;
};

/// Where a join's or a group's rows go, each with its place.
class placed_rows {
 public:
  placed_rows(const row_type& rows, task_context& task, std::string_view operation)
      : rows_(rows, task, operation, task.memory().share) {}
  /// A sink for rows that belong at `place`.
  sink at(std::uint64_t place);
  flow give(const sink& to);

 private:
  row_sorter rows_;
  std::uint64_t place_ = 0;
};

struct join_side {
  side_source source;
  row_runs input;
  bool left;
  bool kept;  // rows without a partner too
};

/// As group_by_key's and join's own cursors; `inputs` in the order of `sides`.
std::unique_ptr<cursor> open_spilled_groups(const std::vector<side_source>& sides,
                                            std::vector<row_runs> inputs, const row_type& rows,
                                            const void* function, group_loop run,
                                            std::string_view operation, task_context& task);
std::unique_ptr<cursor> open_spilled_join(join_side held, join_side passing, const row_type& rows,
                                          join_loop run, std::string_view operation,
                                          task_context& task);

}  // namespace millrace::detail
