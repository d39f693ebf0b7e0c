// The hash that Python gives a text: it decides which partition a key belongs to.
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::python {

/// As `hash(str)` in a CPython that was started with this PYTHONHASHSEED. Immutable.
class python_hash {
 public:
  /// `rounds`: of SipHash for each 8 bytes and at the end, 1 and 3 ("siphash13") or 2 and 4.
  python_hash(std::uint32_t seed, int rounds_each, int rounds_end);

  /// REQUIRES: `text` is UTF-8.
  std::int64_t operator()(std::string_view text) const;
  friend bool operator==(const python_hash&, const python_hash&) = default;

 private:
  std::uint64_t of_bytes(const char* bytes, std::size_t n) const;

  std::uint64_t k0_ = 0;
  std::uint64_t k1_ = 0;
  int each_;
  int end_;
};

}  // namespace millrace::python
