#include "python_hash.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>

namespace millrace::python {

namespace {

/// Text is hashed as Python keeps it: one, two or four bytes a character, as the largest needs.
template <class Unit>
std::string units_of(std::string_view text) {
  std::string units;
  units.reserve(text.size() * sizeof(Unit));
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const int more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    std::uint32_t point = more == 0 ? first : first & (0x3fU >> more);
    for (int k = 1; k <= more; ++k)
      point = point << 6 | (static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]) & 0x3fU);
    i += static_cast<std::size_t>(more) + 1;
    const auto unit = static_cast<Unit>(point);
    units.append(reinterpret_cast<const char*>(&unit), sizeof unit);
  }
  return units;
}

/// The keys that CPython makes of PYTHONHASHSEED.
std::array<std::uint64_t, 2> keys_of(std::uint32_t seed) {
  std::array<std::uint64_t, 2> keys{};
  if (seed == 0) return keys;
  std::array<unsigned char, sizeof keys> bytes{};
  std::uint32_t x = seed;
  for (auto& byte : bytes) {
    x = x * 214013 + 2531011;
    byte = static_cast<unsigned char>(x >> 16);
  }
  std::memcpy(keys.data(), bytes.data(), sizeof keys);
  return keys;
}

}  // namespace

python_hash::python_hash(std::uint32_t seed, int rounds_each, int rounds_end)
    : k0_(keys_of(seed)[0]), k1_(keys_of(seed)[1]), each_(rounds_each), end_(rounds_end) {}

std::uint64_t python_hash::of_bytes(const char* bytes, std::size_t n) const {
  std::uint64_t v0 = k0_ ^ 0x736f6d6570736575;
  std::uint64_t v1 = k1_ ^ 0x646f72616e646f6d;
  std::uint64_t v2 = k0_ ^ 0x6c7967656e657261;
  std::uint64_t v3 = k1_ ^ 0x7465646279746573;
  const auto rounds = [&](int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  };
  const auto take = [&](std::uint64_t word) {
    v3 ^= word;
    rounds(each_);
    v0 ^= word;
  };
  const std::uint64_t length = static_cast<std::uint64_t>(n) << 56;
  for (; n >= 8; n -= 8, bytes += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes, 8);
    take(word);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, bytes, n);
  take(length | rest);
  v2 ^= 0xff;
  rounds(end_);
  return (v0 ^ v1) ^ (v2 ^ v3);
}

std::int64_t python_hash::operator()(std::string_view text) const {
  if (text.empty()) return 0;
  // A first byte from 0xf0 on begins a character past U+FFFF, one from 0xc4 on one past U+00FF.
  unsigned char largest = 0;
  for (const char c : text) largest = std::max(largest, static_cast<unsigned char>(c));
  std::uint64_t h = 0;
  if (largest < 0x80) {
    h = of_bytes(text.data(), text.size());
  } else {
    const std::string units = largest >= 0xf0   ? units_of<std::uint32_t>(text)
                              : largest >= 0xc4 ? units_of<std::uint16_t>(text)
                                                : units_of<std::uint8_t>(text);
    h = of_bytes(units.data(), units.size());
  }
  const auto signed_hash = static_cast<std::int64_t>(h);
  return signed_hash == -1 ? -2 : signed_hash;
}

}  // namespace millrace::python
