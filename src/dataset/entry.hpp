// What lies in tables and shuffle blocks: a key with its hash and a value, or a whole row.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataset/kernels.hpp"
#include "millrace/detail/dataset/arena.hpp"
#include "millrace/detail/dataset/partitioner.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/row_type.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

/// Where the parts of an entry lie. With a key: `entry_head` (16 inline bytes, hash, length) for text
/// and bits, or hash and the key as a row for all other keys; then the value. Without: the value alone.
class entry_layout {
 public:
  /// `value` may be null (keys alone), `key` too (whole rows), not both.
  entry_layout(const row_type* key, const row_type* value);

  const row_type* key() const { return key_; }
  const row_type* value() const { return value_; }
  key_form form() const { return form_; }
  std::uint32_t stride() const { return stride_; }
  std::uint32_t value_at() const { return value_at_; }
  std::uint32_t key_at() const { return key_at_; }
  bool trivial() const { return trivial_; }

  /// How keys are read from rows in which they lie at `key_in_row`.
  key_source source(std::uint32_t key_in_row) const;
  std::uint32_t hash(const char* entry) const;
  std::uint32_t hash_key(const void* key) const;
  /// Constructs the key as a row at `to`; its text stays in the entry or its arena.
  void make_key(const char* entry, void* to) const;
  /// Moves an entry to fresh memory and ends the old one.
  void relocate(char* to, char* from, std::size_t n) const;
  /// Ends keys and values; `values`: the first so many have one.
  void destroy(char* entries, std::size_t keys, std::size_t values) const;

 private:
  void set_form();

  const row_type* key_;
  const row_type* value_;
  key_form form_ = key_form::general;
  std::vector<key_segment> segments_;  // relative to the key
  std::uint32_t key_size_ = 0;         // bits and packed
  std::uint32_t key_at_ = 0;
  std::uint32_t value_at_ = 0;
  std::uint32_t stride_ = 0;
  bool trivial_ = true;
};

/// What one map task hands to all reducers: entries by partition. Immutable once written.
struct map_output {
  explicit map_output(entry_layout l) : layout(std::move(l)) {}
  map_output(const map_output&) = delete;
  map_output& operator=(const map_output&) = delete;
  ~map_output();

  const char* begin(int partition) const {
    return static_cast<const char*>(data.get()) +
           starts[static_cast<std::size_t>(partition)] * layout.stride();
  }
  std::size_t count(int partition) const {
    const auto p = static_cast<std::size_t>(partition);
    return starts[p + 1] - starts[p];
  }
  std::size_t bytes() const { return starts.back() * layout.stride() + texts.bytes(); }

  entry_layout layout;
  aligned_memory data;
  std::vector<std::size_t> starts;  // partitions + 1
  arena texts;
  bool unique_keys = false;  // no key twice in a partition
};

/// Deals out `count` entries (which end there) to partitions, keeping their order.
std::shared_ptr<map_output> scatter(const entry_layout& layout, aligned_memory entries,
                                    std::size_t count, arena texts, const partitioner& by);
/// The same where the partitions are known.
std::shared_ptr<map_output> scatter(const entry_layout& layout, aligned_memory entries,
                                    std::size_t count, arena texts,
                                    const std::vector<std::uint32_t>& to, int partitions);

}  // namespace millrace::detail
