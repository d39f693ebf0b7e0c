// Values of the engine's own in the encoding of rows (docs/formats/frames.md).
#pragma once

#include <string>
#include <string_view>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/detail/dataset/arena.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

template <class T>
void encode(const T& value, byte_writer& to) {
  encode_row(row_type_of<T>(), &value, to);
}

template <class T>
std::string encoded(const T& value) {
  byte_writer bytes;
  encode(value, bytes);
  return std::string(bytes.view());
}

/// Throws `error` where the bytes are no value, or more than one. `T` owns its text.
template <class T>
T decode(std::string_view bytes) {
  static_assert(std::is_default_constructible_v<T>);
  arena texts;
  byte_reader in(bytes);
  alignas(T) unsigned char place[sizeof(T)];
  decode_row(row_type_of<T>(), place, in, texts);
  T* const made = reinterpret_cast<T*>(place);
  T value = std::move(*made);
  made->~T();
  if (in.remaining() != 0)
    throw error("there are bytes behind a value: " + std::to_string(in.remaining()));
  return value;
}

}  // namespace millrace::detail
