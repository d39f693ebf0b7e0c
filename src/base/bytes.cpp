#include "millrace/detail/base/bytes.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>

#include "millrace/error.hpp"

namespace millrace {

byte_writer& byte_writer::operator=(byte_writer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  other.clear();
  return *this;
}

byte_writer::~byte_writer() { std::free(data_); }

void byte_writer::grow(std::size_t more) {
  if (more > SIZE_MAX / 4 - size_) throw std::bad_alloc{};
  const std::size_t capacity = std::max({size_ + more, capacity_ * 2, std::size_t{64}});
  void* const data = std::realloc(data_, capacity);
  if (data == nullptr) throw std::bad_alloc{};
  data_ = static_cast<char*>(data);
  capacity_ = capacity;
}

std::uint64_t byte_reader::long_varint() {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    if (i == left_) fail(i + 1);
    const auto byte = static_cast<unsigned char>(at_[i]);
    // The tenth byte has room for one bit of the 64.
    if (i == 9 && byte > 1) break;
    value |= std::uint64_t{byte & 0x7fU} << (7 * i);
    if (byte < 0x80) {
      skip(i + 1);
      return value;
    }
  }
  throw error{"a varint is longer than 64 bits; the bytes are not what was written, at offset " +
              std::to_string(offset())};
}

void byte_reader::fail(std::size_t wanted) const {
  throw error{"the bytes end too early; they are not what was written: " + std::to_string(wanted) +
              " wanted, " + std::to_string(left_) + " left at offset " + std::to_string(offset())};
}

void byte_reader::fail_text(const char* before, std::uint64_t length) {
  left_ += static_cast<std::size_t>(at_ - before);
  at_ = before;
  throw error{"a text is longer than the bytes that are left; they are not what was written: " +
              std::to_string(length) + " wanted, " + std::to_string(left_) + " left at offset " +
              std::to_string(offset())};
}

}  // namespace millrace
