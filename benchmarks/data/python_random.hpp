#pragma once
// CPython's `random.Random`, number for number, as far as the generators need it. The word lists
// are defined by a few lines of Python (see README.md); this makes the same bytes thirty times as
// fast, so a figure taken on either is a figure on the same data.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <utility>

namespace bench {

class python_random {
 public:
  explicit python_random(std::uint32_t seed) { seed_as_python(seed); }

  /// In [0, 1), 53 bits.
  double random() {
    const std::uint32_t high = next() >> 5;
    const std::uint32_t low = next() >> 6;
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
  }

  /// In [0, bound), for 0 < bound < 2^31: `_randbelow`, which draws again what lies above.
  std::uint32_t below(std::uint32_t bound) {
    const int bits = 32 - __builtin_clz(bound);
    std::uint32_t value = next() >> (32 - bits);
    while (value >= bound) value = next() >> (32 - bits);
    return value;
  }

  double gauss(double mean, double deviation) {
    if (has_spare_) {
      has_spare_ = false;
      return mean + spare_ * deviation;
    }
    const double angle = random() * 2.0 * std::numbers::pi;
    const double radius = std::sqrt(-2.0 * std::log(1.0 - random()));
    spare_ = std::sin(angle) * radius;
    has_spare_ = true;
    return mean + std::cos(angle) * radius * deviation;
  }

 private:
  static constexpr std::size_t size = 624;

  // MT19937's init_by_array with one word; `std::mt19937` has only its own seeding.
  void seed_as_python(std::uint32_t seed) {
    state_[0] = 19650218U;
    for (std::uint32_t i = 1; i < size; ++i) state_[i] = 1812433253U * mixed(i - 1) + i;
    std::size_t i = 1;
    for (std::size_t k = 0; k < size; ++k) {
      state_[i] = (state_[i] ^ (mixed(i - 1) * 1664525U)) + seed;
      i = after(i);
    }
    for (std::size_t k = 1; k < size; ++k) {
      state_[i] = (state_[i] ^ (mixed(i - 1) * 1566083941U)) - static_cast<std::uint32_t>(i);
      i = after(i);
    }
    state_[0] = 0x80000000U;
  }

  std::uint32_t mixed(std::size_t i) const { return state_[i] ^ (state_[i] >> 30); }

  std::size_t after(std::size_t i) {
    if (++i < size) return i;
    state_[0] = state_[size - 1];
    return 1;
  }

  std::uint32_t next() {
    if (position_ == size) refill();
    std::uint32_t x = state_[position_++];
    x ^= x >> 11;
    x ^= (x << 7) & 0x9d2c5680U;
    x ^= (x << 15) & 0xefc60000U;
    return x ^ (x >> 18);
  }

  void refill() {
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint32_t x = (state_[i] & 0x80000000U) | (state_[(i + 1) % size] & 0x7fffffffU);
      state_[i] = state_[(i + 397) % size] ^ (x >> 1) ^ ((x & 1U) != 0 ? 0x9908b0dfU : 0U);
    }
    position_ = 0;
  }

  std::array<std::uint32_t, size> state_{};
  std::size_t position_ = size;
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace bench
