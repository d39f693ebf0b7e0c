#pragma once
// Cutting text, and hashing it.
//
// What is inlined and what is not is pinned where it changes a loop's speed by more than a few
// per cent: left to the compiler it depends on what else a file holds, and the yardstick would
// stretch. The pins are as GCC 12 chose for the program the first figures were taken with.

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace hand {

/// Calls word(const char*, size_t) for each.
template <class Word>
[[gnu::noinline]] void cut_words_plain(std::string_view text, Word&& word) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const char* stop = at;
    while (stop < end && *stop != ' ' && *stop != '\n') ++stop;
    if (stop > at) word(at, static_cast<std::size_t>(stop - at));
    at = stop + 1;
  }
}

/// A bit for each of the 32 bytes that is a space or a line end.
inline std::uint32_t separators(const char* at) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const __m256i spaces = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(' '));
  const __m256i line_ends = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\n'));
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_or_si256(spaces, line_ends)));
}

template <class Word>
inline void cut_words_tuned(std::string_view text, Word&& word) {
  const char* const base = text.data();
  const std::size_t size = text.size();
  std::size_t start = 0;
  for (std::size_t i = 0; i < size; i += 64) {
    std::uint64_t ends = separators(base + i);
    ends |= static_cast<std::uint64_t>(separators(base + i + 32)) << 32;
    if (size - i < 64) ends &= (1ULL << (size - i)) - 1;
    while (ends != 0) {
      const std::size_t end = i + static_cast<std::size_t>(__builtin_ctzll(ends));
      ends &= ends - 1;
      if (end > start) word(base + start, end - start);
      start = end + 1;
    }
  }
  if (start < size) word(base + start, size - start);
}

/// Whole lines, about the same number of bytes for each of `parts`; the last ones may be empty.
inline std::vector<std::string_view> cut_lines(std::string_view text, int parts) {
  std::vector<std::string_view> cut;
  const std::size_t each = text.size() / static_cast<std::size_t>(parts) + 1;
  while (!text.empty()) {
    std::size_t size = std::min(each, text.size());
    if (size < text.size()) size = text.find('\n', size) + 1;
    cut.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  cut.resize(static_cast<std::size_t>(parts));
  return cut;
}

__extension__ typedef unsigned __int128 wide;

inline std::uint64_t multiply_mix(std::uint64_t a, std::uint64_t b) {
  const wide product = static_cast<wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// In the manner of wyhash.
[[gnu::always_inline]] inline std::uint64_t hash_text(const char* at, std::size_t size) {
  constexpr std::uint64_t k0 = 0xa0761d6478bd642f;
  constexpr std::uint64_t k1 = 0xe7037ed1a0b428db;
  constexpr std::uint64_t k2 = 0x8ebc6af09c88c6e3;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  if (size > 16) {
    std::uint64_t seed = size;
    for (; size > 16; at += 16, size -= 16) {
      std::memcpy(&a, at, 8);
      std::memcpy(&b, at + 8, 8);
      seed = multiply_mix(a ^ seed ^ k0, b ^ k1);
    }
    std::memcpy(&a, at + size - 16, 8);
    std::memcpy(&b, at + size - 8, 8);
    b ^= seed;
  } else if (size >= 8) {
    std::memcpy(&a, at, 8);
    std::memcpy(&b, at + size - 8, 8);
  } else if (size >= 4) {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::memcpy(&first, at, 4);
    std::memcpy(&last, at + size - 4, 4);
    a = first;
    b = last;
  } else if (size > 0) {
    const auto byte = [at](std::size_t i) {
      return static_cast<std::uint64_t>(static_cast<unsigned char>(at[i]));
    };
    a = byte(0) | byte(size / 2) << 8 | byte(size - 1) << 16;
  }
  return multiply_mix(multiply_mix(a ^ k0, b ^ k1 ^ size), k2 ^ size);
}

struct text_hash {
  using is_avalanching = void;
  std::size_t operator()(std::string_view text) const {
    return hash_text(text.data(), text.size());
  }
};

/// Which of `parts` (1 or 2) a key goes to; by other bits than those the maps use.
inline int part_of(std::string_view key, int parts) {
  return parts == 1 ? 0 : static_cast<int>((hash_text(key.data(), key.size()) >> 40) & 1U);
}

}  // namespace hand
