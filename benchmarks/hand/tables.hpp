#pragma once
// Two tables of words and their counts, plain and tuned. Keys view the batch's text.

#include <immintrin.h>

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "text.hpp"

namespace hand {

template <class Value>
using text_map = boost::unordered_flat_map<std::string_view, Value, text_hash>;

class plain_table {
 public:
  void clear() { map_.clear(); }

  void count(std::string_view text) {
    cut_words_plain(text, [this](const char* at, std::size_t size) { add(at, size); });
  }

  [[gnu::always_inline]] void add(const char* at, std::size_t size) {
    ++map_[std::string_view(at, size)];
  }

  /// Calls entry(string_view, count) for the keys of one part.
  template <class Entry>
  void for_each(int part, int parts, Entry&& entry) const {
    for (const auto& [key, count] : map_) {
      if (part_of(key, parts) == part) entry(key, count);
    }
  }

 private:
  text_map<std::uint64_t> map_;
};

/// Open addressing, never grows. A key is the word's bytes padded with zeros to 16, compared in
/// one instruction, so a word must not hold a NUL; longer words go to a plain table beside.
class tuned_table {
 public:
  tuned_table() : slots_(static_cast<slot*>(std::aligned_alloc(64, slots * sizeof(slot)))) {
    if (!slots_) throw std::bad_alloc();
    for (std::size_t i = 0; i < slots; ++i) slots_.get()[i] = slot{};
    used_.reserve(limit);
  }

  void clear() {
    for (const auto i : used_) slots_.get()[i] = slot{};
    used_.clear();
    long_words_.clear();
  }

  void count(std::string_view text) {
    cut_words_tuned(text, [this](const char* at, std::size_t size) { add(at, size); });
  }

  template <class Entry>
  void for_each(int part, int parts, Entry&& entry) const {
    for (const auto i : used_) {
      const slot& here = slots_.get()[i];
      const auto zeros =
          static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(here.key, _mm_setzero_si128())));
      const std::size_t size = zeros != 0 ? static_cast<std::size_t>(__builtin_ctz(zeros)) : 16;
      const std::string_view key(here.text, size);
      if (part_of(key, parts) == part) entry(key, here.count);
    }
    long_words_.for_each(part, parts, entry);
  }

 private:
  struct slot {
    __m128i key;
    std::uint64_t count;
    const char* text;
  };

  // Out of line, see text.hpp: inlined, the whole is up to a fifth faster.
  [[gnu::noinline]] void add(const char* at, std::size_t size) {
    if (size > 16) {
      long_words_.add(at, size);
      return;
    }
    slot* const table = slots_.get();
    const __m128i key = load_key(at, size);
    for (std::size_t i = first_slot(key, size);; i = (i + 1) & (slots - 1)) {
      slot& here = table[i];
      if (equal(here.key, key)) {
        ++here.count;
        return;
      }
      if (here.count == 0) {
        if (used_.size() == limit) throw std::length_error("too many words for the tuned table");
        here = slot{key, 1, at};
        used_.push_back(static_cast<std::uint32_t>(i));
        return;
      }
    }
  }

  struct release {
    void operator()(slot* memory) const { std::free(memory); }
  };

  static constexpr int bits = 17;
  static constexpr std::size_t slots = std::size_t{1} << bits;
  static constexpr std::size_t limit = 100'000;  // past that, probes get long

  struct alignas(16) byte_mask {
    std::array<unsigned char, 16> bytes;
  };
  static constexpr std::array<byte_mask, 17> masks = [] {
    std::array<byte_mask, 17> made{};
    for (std::size_t size = 0; size < made.size(); ++size) {
      for (std::size_t i = 0; i < 16; ++i) made[size].bytes[i] = i < size ? 0xff : 0;
    }
    return made;
  }();

  static __m128i load_key(const char* at, std::size_t size) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto* mask = reinterpret_cast<const __m128i*>(masks[size].bytes.data());
    return _mm_and_si128(bytes, _mm_load_si128(mask));
  }

  static std::size_t first_slot(__m128i key, std::size_t size) {
    const auto low = static_cast<std::uint64_t>(_mm_cvtsi128_si64(key));
    const auto high = static_cast<std::uint64_t>(_mm_extract_epi64(key, 1));
    const std::uint64_t mixed = _mm_crc32_u64(_mm_crc32_u64(size, low), high);
    return (mixed * 0x9E3779B97F4A7C15) >> (64 - bits);
  }

  static bool equal(__m128i a, __m128i b) {
    return _mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) == 0xffff;
  }

  std::unique_ptr<slot, release> slots_;
  std::vector<std::uint32_t> used_;
  plain_table long_words_;
};

}  // namespace hand
