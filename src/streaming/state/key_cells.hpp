// Where the keys and values of a table lie: in memory, or in a store that holds more.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "millrace/detail/dataset/arena.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/row_type.hpp"
#include "storage/key_value_store.hpp"

namespace millrace::detail {

/// What a batch changes: each key once. Made beside the table, which a failed attempt leaves as it
/// was.
struct staged_changes {
  explicit staged_changes(const row_type& value) : values(value) {}
  std::vector<std::uint32_t> ids;
  std::vector<std::uint8_t> alive;  // 0: the key goes
  row_buffer values;                // of those that stay, in order
  std::vector<std::uint32_t> seen;  // other keys, that keep their value: only their stamp changes
};

/// Values that are no longer those of their keys, for who reads an earlier version.
struct replaced_values {
  row_buffer& values;                // with room for them
  std::vector<const void*>& before;  // of each change: where its value lies there, or null
};

/// The port. A table calls `find`, `put` and what its readers call under its mutex, and is the only
/// one that writes; its writer reads without the mutex. What throws has changed nothing.
class key_cells {
 public:
  key_cells() = default;
  key_cells(const key_cells&) = delete;
  key_cells& operator=(const key_cells&) = delete;
  virtual ~key_cells();

  /// How many keys have an id.
  virtual std::uint32_t size() const = 0;
  /// The ids of the keys of at most chunk_capacity rows. New ones get the next ids, in order of
  /// arrival.
  virtual void find(std::uint32_t key_in_row, const char* rows, std::uint32_t stride,
                    std::uint32_t n, std::uint32_t* ids) = 0;
  /// Constructs the keys at `to`, `stride` apart. What they view lies in `texts`, or here until the
  /// next `find`.
  virtual void make_keys(const std::uint32_t* ids, std::uint32_t n, char* to, std::uint32_t stride,
                         arena& texts) const = 0;
  /// to[i]: the value of ids[i]; null where it has none. They lie in `kept`, which is emptied
  /// first, or here until the next `put` or `find`.
  virtual void read(const std::uint32_t* ids, std::uint32_t n, const void** to,
                    row_buffer& kept) const = 0;
  /// Takes the values over. `replaced`: null: nobody reads what is replaced.
  virtual void put(staged_changes& changes, replaced_values* replaced) = 0;
};

/// By id, 1: the key has a value. May end before an id that is new. The table's own: what `put`
/// changed shows after it.
using alive_flags = std::vector<std::uint8_t>;

/// A key costs 24 bytes for itself (up to 16 bytes of text inline), about 12 for the index, and its
/// value. `alive` outlives it.
std::unique_ptr<key_cells> cells_in_memory(const row_type& key, const row_type& value,
                                           const alive_flags& alive);

/// A key costs a flag, and the store the rest; keys that came lately are known without a question
/// to it. `alive` outlives it.
std::unique_ptr<key_cells> cells_in_store(std::shared_ptr<key_value_store> store,
                                          const row_type& key, const row_type& value,
                                          const alive_flags& alive);

}  // namespace millrace::detail
