// Bytes from a TCP server, cut into records by a function.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/error.hpp"
#include "millrace/receiver.hpp"

namespace millrace::detail {

/// Thrown by a decoder: behind `before` bytes, whose rows were appended, come bytes that are no
/// record. Where it ends is known, or not (0).
struct undecodable {
  std::size_t before;
  std::size_t bytes;
  std::exception_ptr why;
};

/// Takes whole records off the front of what arrived and appends their rows; how many bytes that
/// was, 0 where no record is whole yet. Throws `undecodable`.
struct byte_decoder {
  const row_type* rows;
  std::string_view source;  // "raw socket"
  function_state function{};
  std::size_t (*decode)(const void* function, std::string_view bytes, row_buffer& out);
  bool blocks = false;  // what one call gives is a block
  on_bad_record bad_records = on_bad_record::fail;
};
std::shared_ptr<receiver_base> socket_receiver(std::string host, int port, byte_decoder d);

/// Frames: 4 bytes of length, the highest first, then rows as they are encoded.
byte_decoder frame_decoder(const row_type& rows);

template <class T, class F>
std::size_t decode_bytes(const void* function, std::string_view bytes, row_buffer& rows) {
  const F& f = function_in<F>(function);
  if constexpr (std::is_invocable_v<const F&, std::string_view, emit<T>&>) {
    const aligned_memory buffer = allocate_aligned(std::size_t{chunk_capacity} * sizeof(T));
    step_state step;
    step.buffer = buffer.get();
    step.to = rows.collector();
    output<T> out(step, {nullptr, 0, false});
    emit<T> to(out);
    std::size_t used = 0;
    try {
      used = call(f, bytes, to);
    } catch (...) {
      throw undecodable{0, 0, std::current_exception()};
    }
    out.flush();
    return used;
  } else {
    static_assert(std::is_invocable_r_v<std::optional<T>, const F&, std::string_view&>,
                  "millrace: socket_stream needs a function that takes one record off the front of "
                  "the bytes, std::optional<T>(std::string_view& bytes), none while there is no "
                  "whole one; or std::size_t(std::string_view bytes, mr::emit<T>& out), which "
                  "returns how many bytes it used.");
    std::string_view left = bytes;
    for (;;) {
      const std::size_t before = left.size();
      std::optional<T> row;
      try {
        row = call(f, left);
      } catch (...) {
        const std::size_t taken = left.size() < before ? before - left.size() : 0;
        throw undecodable{bytes.size() - before, taken, std::current_exception()};
      }
      if (!row) return bytes.size() - left.size();
      if (left.size() >= before)
        throw usage_error("socket_stream: the function gave a record but took no bytes off");
      ::new (rows.place()) T(*std::move(row));
      rows.added();
      own_row(rows.type(), rows.row(rows.size() - 1), rows.texts());
    }
  }
}

}  // namespace millrace::detail
