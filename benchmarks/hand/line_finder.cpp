#include <immintrin.h>

#include <atomic>
#include <cstring>

#include "hand.hpp"
#include "pool.hpp"
#include "text.hpp"

namespace hand {

namespace {

const char* line_end(const char* at, const char* end) {
  const void* found = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
  return found != nullptr ? static_cast<const char*>(found) : end;
}

std::int64_t find_plain(std::string_view text) {
  std::int64_t found = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const char* stop = line_end(at, end);
    const auto size = static_cast<std::size_t>(stop - at);
    found += memmem(at, size, grep_needle.data(), grep_needle.size()) != nullptr;
    at = stop + 1;
  }
  return found;
}

/// Looks for the needle's first and last letter at their distance, 32 places at a time, and minds
/// lines only where it is found.
std::int64_t find_tuned(std::string_view text) {
  constexpr std::size_t span = grep_needle.size() - 1;
  const __m256i first = _mm256_set1_epi8(grep_needle.front());
  const __m256i last = _mm256_set1_epi8(grep_needle.back());
  const auto load = [](const char* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  };
  std::int64_t found = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const __m256i both = _mm256_and_si256(_mm256_cmpeq_epi8(load(at), first),
                                          _mm256_cmpeq_epi8(load(at + span), last));
    auto places = static_cast<std::uint32_t>(_mm256_movemask_epi8(both));
    const char* next = at + 32;
    for (; places != 0; places &= places - 1) {
      const char* place = at + __builtin_ctz(places);
      if (std::memcmp(place + 1, grep_needle.data() + 1, span - 1) == 0 && place < end) {
        ++found;
        next = line_end(place, end) + 1;
        break;
      }
    }
    at = next;
  }
  return found;
}

}  // namespace

class line_finder::body {
 public:
  body(style how, int threads)
      : find_(how == style::plain ? find_plain : find_tuned), pool_(threads) {}

  std::int64_t count(std::string_view batch) {
    std::atomic<std::int64_t> found{0};
    const auto parts = cut_lines(batch, pool_.threads());
    pool_.run([&](int worker) { found += find_(parts[static_cast<std::size_t>(worker)]); });
    return found;
  }

 private:
  std::int64_t (*find_)(std::string_view);
  pool pool_;
};

line_finder::line_finder(style how, int threads) : body_(std::make_unique<body>(how, threads)) {}
line_finder::~line_finder() = default;
std::int64_t line_finder::count(std::string_view batch) { return body_->count(batch); }

}  // namespace hand
