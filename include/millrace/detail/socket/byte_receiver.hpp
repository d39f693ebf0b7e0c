// Bytes from a TCP server, cut into records by a function.
#pragma once

#include <cstddef>
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

/// Takes whole records off the front of what arrived and appends their rows; how many bytes that
/// was, 0 where no record is whole yet. What it throws stops the stream.
struct byte_decoder {
  const row_type* rows;
  std::string_view source;  // "raw socket"
  function_state function{};
  std::size_t (*decode)(const void* function, std::string_view bytes, row_buffer& out);
  bool blocks = false;  // what one call gives is a block
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
    const std::size_t used = call(f, bytes, to);
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
      std::optional<T> row = call(f, left);
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
