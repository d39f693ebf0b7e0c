// Which partition a key belongs to.
#pragma once

#include <cstdint>

#include "millrace/detail/dataset/row_type.hpp"

namespace millrace::detail {

/// Immutable, shared. Keys of one type.
struct partitioner {
  partitioner(const row_type& key_type, int count) : key(key_type), partitions(count) {}
  partitioner(const partitioner&) = delete;
  partitioner& operator=(const partitioner&) = delete;
  virtual ~partitioner();

  /// Only the hash is needed: `assign` is never called.
  virtual bool by_hash() const { return false; }
  /// Each partition holds a range of keys, in order (or all in reverse order).
  virtual bool by_range() const { return false; }
  /// The partitions of `n` keys, `stride` bytes apart.
  virtual void assign(const char* keys, std::uint32_t stride, std::uint32_t n,
                      std::uint32_t* to) const = 0;
  /// True where equal keys go to equal partitions under both.
  virtual bool same_as(const partitioner& other) const = 0;

  const row_type& key;
  const int partitions;
};

/// The partition of one key.
int partition_of(const partitioner& by, const void* key);

/// Throws usage_error where it is for keys of another type.
void check_key_type(const partitioner& by, const row_type& key);

/// The partition of a key with this hash.
inline std::uint32_t partition_of_hash(std::uint32_t hash, std::uint32_t partitions) {
  // Slots of a table come from the low bits of the same hash: take others here, or each reducer's
  // table would cluster.
  return static_cast<std::uint32_t>((std::uint64_t{hash ^ hash << 7} * partitions) >> 32);
}

}  // namespace millrace::detail
