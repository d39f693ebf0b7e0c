// The chance in samples: the same numbers for the same seed and partition, on every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

#include "millrace/detail/base/hash.hpp"

namespace millrace::detail {

/// One task's numbers. The standard's engine is exact everywhere, its distributions are not: hence
/// these.
class partition_random {
 public:
  partition_random(std::uint64_t seed, int partition)
      : engine_(
            mix(seed ^ hash_constant_0, static_cast<std::uint64_t>(partition) ^ hash_constant_1)) {}

  /// 0 <= result < 1.
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  /// 0 <= result < n; n > 0.
  std::uint64_t below(std::uint64_t n) {
    __extension__ using wide = unsigned __int128;
    return static_cast<std::uint64_t>(static_cast<wide>(engine_()) * n >> 64);
  }
  /// How often something of this mean (>= 0) happens.
  std::uint32_t poisson(double mean) {
    // Knuth's product of uniforms, in steps whose exponential stays far from 0.
    constexpr double step = 16;
    std::uint32_t n = 0;
    for (; mean > step; mean -= step) n += poisson_step(std::exp(-step));
    return n + poisson_step(std::exp(-mean));
  }

 private:
  std::uint32_t poisson_step(double limit) {
    std::uint32_t n = 0;
    for (double product = uniform(); product > limit; product *= uniform()) ++n;
    return n;
  }

  std::mt19937_64 engine_;
};

}  // namespace millrace::detail
