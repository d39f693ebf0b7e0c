#include "millrace/detail/dataset/arena.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace millrace::detail {

struct arena::block {
  block* before;
  std::size_t size;
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
};

namespace {
constexpr std::size_t first_block = 4 * 1024;
constexpr std::size_t largest_block = 1024 * 1024;
}  // namespace

arena::arena(arena&& other) noexcept
    : last_(std::exchange(other.last_, nullptr)),
      at_(std::exchange(other.at_, nullptr)),
      left_(std::exchange(other.left_, 0)),
      bytes_(std::exchange(other.bytes_, 0)) {}

arena& arena::operator=(arena&& other) noexcept {
  std::swap(last_, other.last_);
  std::swap(at_, other.at_);
  std::swap(left_, other.left_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

arena::~arena() {
  while (last_ != nullptr) std::free(std::exchange(last_, last_->before));
}

void arena::grow(std::size_t at_least) {
  // Doubling keeps the number of blocks small; the cap keeps the unused tail of a large arena
  // small.
  const std::size_t next = std::clamp(bytes_, first_block, largest_block);
  const std::size_t size = std::max(next, at_least);
  void* memory = std::malloc(sizeof(block) + size);
  if (memory == nullptr) throw std::bad_alloc();
  last_ = new (memory) block{last_, size};
  at_ = last_->bytes();
  left_ = size;
  bytes_ += size;
}

void arena::clear() {
  if (last_ == nullptr) return;
  while (last_->before != nullptr) std::free(std::exchange(last_->before, last_->before->before));
  at_ = last_->bytes();
  left_ = last_->size;
  bytes_ = last_->size;
}

}  // namespace millrace::detail
