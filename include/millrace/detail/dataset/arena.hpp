// Bytes that live as long as their owner: the text of rows that were kept past their chunk.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace millrace::detail {

/// A bump allocator. Bytes given out keep their address until the arena is cleared or destroyed;
/// nothing is freed singly. Not thread-safe: one writer. Readers need no lock once writing is over.
class arena {
 public:
  arena() = default;
  arena(arena&& other) noexcept;
  arena& operator=(arena&& other) noexcept;
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;
  ~arena();

  /// A copy of `n` bytes of ours; `n` = 0 gives a valid pointer too. Throws std::bad_alloc.
  const char* copy(const char* bytes, std::size_t n) {
    if (n > left_ || at_ == nullptr) grow(n);
    char* to = at_;
    if (n != 0) std::memcpy(to, bytes, n);
    at_ += n;
    left_ -= n;
    return to;
  }
  std::string_view copy(std::string_view text) {
    return {copy(text.data(), text.size()), text.size()};
  }

  /// Forgets all bytes but keeps the newest block for what comes next.
  void clear();
  /// Bytes held from the system.
  std::size_t bytes() const { return bytes_; }

 private:
  struct block;
  void grow(std::size_t at_least);

  block* last_ = nullptr;
  char* at_ = nullptr;
  std::size_t left_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace millrace::detail
