#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

// Partition hash, version 1. Unseeded and the same on every machine, because it decides which
// partition a key belongs to and formats on disk record that. Whoever changes a value below makes
// version 2. Not for keys that an enemy chooses, unless the caller caps its probes.

namespace millrace::detail {

inline constexpr int partition_hash_version = 1;

static_assert(std::endian::native == std::endian::little,
              "the partition hash is defined on little endian words");

/// The two halves of the 128-bit product, folded by exclusive or. mix(0, x) is 0: where a zero
/// may come, exclusive-or a constant below into it first.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using wide = unsigned __int128;
  const wide product = static_cast<wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Odd numbers with 32 bits set (wyhash's).
inline constexpr std::uint64_t hash_constant_0 = 0xa0761d6478bd642f;
inline constexpr std::uint64_t hash_constant_1 = 0xe7037ed1a0b428db;
inline constexpr std::uint64_t hash_constant_2 = 0x8ebc6af09c88c6e3;

[[nodiscard]] inline std::uint64_t hash_bytes(const void* bytes, std::size_t count) {
  const char* at = static_cast<const char*>(bytes);
  const auto load = [](const char* from, std::size_t width) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, width);
    return word;
  };
  std::uint64_t state = hash_constant_0;
  std::size_t left = count;
  for (; left > 16; left -= 16, at += 16) {
    state = mix(load(at, 8) ^ hash_constant_1, load(at + 8, 8) ^ state);
  }
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (left >= 8) {
    low = load(at, 8);
    high = load(at + left - 8, 8);  // overlaps `low` below 16 bytes
  } else if (left >= 4) {
    low = load(at, 4);
    high = load(at + left - 4, 4);
  } else if (left > 0) {
    low = load(at, 1) << 16 | load(at + left / 2, 1) << 8 | load(at + left - 1, 1);
  }
  return mix(hash_constant_2 ^ count, mix(low ^ hash_constant_1, high ^ state));
}

/// XXH3-64, seeded: for the frames of files and of the wire.
[[nodiscard]] std::uint64_t checksum(const void* bytes, std::size_t count, std::uint64_t seed = 0);

}  // namespace millrace::detail
