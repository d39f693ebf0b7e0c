#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

static_assert(std::endian::native == std::endian::little,
              "millrace's encodings are little endian and are copied as they lie in memory");

/// Appends bytes to a buffer which it owns and which grows. Integers are little endian.
///
/// One thread at a time. What `data` and `view` return is valid until the next append, `clear`
/// keeps the memory. Throws `std::bad_alloc` only.
class byte_writer {
 public:
  byte_writer() = default;
  byte_writer(byte_writer&& other) noexcept
      : data_{other.data_}, size_{other.size_}, capacity_{other.capacity_} {
    other.data_ = nullptr;
    other.size_ = other.capacity_ = 0;
  }
  byte_writer& operator=(byte_writer&& other) noexcept;
  byte_writer(const byte_writer&) = delete;
  byte_writer& operator=(const byte_writer&) = delete;
  ~byte_writer();

  void raw(const void* bytes, std::size_t count) {
    if (count == 0) return;  // `bytes` may be null then, which memcpy forbids
    std::memcpy(extend(count), bytes, count);
  }
  void u8(std::uint8_t value) { put(value); }
  void u16(std::uint16_t value) { put(value); }
  void u32(std::uint32_t value) { put(value); }
  void u64(std::uint64_t value) { put(value); }

  /// LEB128: seven bits a byte, lowest first; one byte below 128, ten at most.
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      u8(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    u8(static_cast<std::uint8_t>(value));
  }

  /// The length as a varint, then the bytes.
  void text(std::string_view bytes) {
    varint(bytes.size());
    raw(bytes.data(), bytes.size());
  }

  /// Appends `count` bytes for the caller to fill at once; until then they are indeterminate.
  [[nodiscard]] char* extend(std::size_t count) {
    if (capacity_ - size_ < count) grow(count);
    char* place = data_ + size_;
    size_ += count;
    return place;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const char* data() const { return data_; }
  [[nodiscard]] std::string_view view() const { return {data_, size_}; }

  void reserve(std::size_t total) {
    if (total > capacity_) grow(total - size_);
  }
  /// Forgets what was written after the first `size` bytes: for an encoding that threw midway.
  /// REQUIRES: size <= size().
  void truncate(std::size_t size) { size_ = size; }
  void clear() { size_ = 0; }

 private:
  template <class Integer>
  void put(Integer value) {
    std::memcpy(extend(sizeof value), &value, sizeof value);
  }
  void grow(std::size_t more);

  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Reads what a `byte_writer` wrote, from bytes that it borrows: they must outlive the reader and
/// every view that `text` returned.
///
/// One thread at a time. Every read is checked against what is left, whatever a length says;
/// a failed read throws `error` with the offset and leaves the position where it was.
class byte_reader {
 public:
  byte_reader(const void* bytes, std::size_t count)
      : begin_{static_cast<const char*>(bytes)}, at_{begin_}, left_{count} {}
  explicit byte_reader(std::string_view bytes) : byte_reader(bytes.data(), bytes.size()) {}

  void raw(void* to, std::size_t count) {
    if (count == 0) return;
    std::memcpy(to, take(count), count);
  }
  [[nodiscard]] std::uint8_t u8() { return get<std::uint8_t>(); }
  [[nodiscard]] std::uint16_t u16() { return get<std::uint16_t>(); }
  [[nodiscard]] std::uint32_t u32() { return get<std::uint32_t>(); }
  [[nodiscard]] std::uint64_t u64() { return get<std::uint64_t>(); }

  [[nodiscard]] std::uint64_t varint() {
    if (left_ != 0 && static_cast<unsigned char>(*at_) < 0x80) {
      --left_;
      return static_cast<unsigned char>(*at_++);
    }
    return long_varint();
  }

  /// A view into the bytes that are read.
  [[nodiscard]] std::string_view text() {
    const char* const before = at_;
    const std::uint64_t length = varint();
    if (length > left_) fail_text(before, length);
    return {take(static_cast<std::size_t>(length)), static_cast<std::size_t>(length)};
  }

  void skip(std::size_t count) { take(count); }
  [[nodiscard]] std::size_t remaining() const { return left_; }
  /// Bytes read so far.
  [[nodiscard]] std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  template <class Integer>
  Integer get() {
    Integer value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  const char* take(std::size_t count) {
    if (count > left_) fail(count);
    const char* place = at_;
    at_ += count;
    left_ -= count;
    return place;
  }
  std::uint64_t long_varint();
  [[noreturn]] void fail(std::size_t wanted) const;
  [[noreturn]] void fail_text(const char* before, std::uint64_t length);

  const char* begin_;
  const char* at_;
  std::size_t left_;
};

}  // namespace millrace
