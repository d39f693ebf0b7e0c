#include "millrace/detail/base/hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace millrace::detail {

std::uint64_t checksum(const void* bytes, std::size_t count, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, count, seed);
}

}  // namespace millrace::detail
