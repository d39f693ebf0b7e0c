// What connections that bring lines have in common.
#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/bad_record.hpp"
#include "millrace/detail/streaming/receiving.hpp"
#include "streaming/receiving/line_buffer.hpp"

namespace millrace::detail {

/// What one look at a socket brought.
struct lines_read {
  std::size_t bytes = 0;
  std::int64_t line_ends = 0;       // counted only where that is asked for
  std::size_t dropped = 0;          // of a last line whose end did not come
  boost::system::error_code ended;  // the connection is over; eof: the other side closed it
};

/// Line ends in `text`; a "\r\n" that is torn at its end or begin counts twice.
inline std::int64_t count_line_ends(std::string_view text) {
  auto n = std::count(text.begin(), text.end(), '\n');
  for (auto at = text.find('\r'); at != std::string_view::npos; at = text.find('\r', at + 1))
    n += text.substr(at + 1).starts_with('\n') ? 0 : 1;
  return n;
}

/// Reads what is there, `most` bytes at most, from a socket that does not block. Calls `full` where
/// the buffer has a whole block, and at the end of the connection.
template <class Full>
lines_read read_lines(boost::asio::ip::tcp::socket& from, line_buffer& to, std::size_t most,
                      bool counting, Full full) {
  namespace asio = boost::asio;
  lines_read result;
  while (result.bytes < most) {
    const auto room = to.room();
    const std::size_t wanted = std::min(room.size(), most - result.bytes);
    const std::size_t n = from.read_some(asio::buffer(room.data(), wanted), result.ended);
    if (result.ended) break;
    if (counting) result.line_ends += count_line_ends({room.data(), n});
    to.received(n);
    result.bytes += n;
    if (to.full()) full();
    if (n < wanted) break;
  }
  if (result.ended == asio::error::would_block) result.ended = {};
  if (result.ended) {
    // What is left is a last line only where the other side meant to end here.
    result.dropped = to.end(result.ended == asio::error::eof);
    full();
  }
  return result;
}

/// Hands over the beginnings of lines that were too long, as `what` says. `from`: the connection,
/// as records are found again. Throws where the stream is to fail.
inline void reject_too_long(receiver_sink& sink, on_bad_record what, const std::string& source,
                            const std::string& from, std::size_t max_line,
                            const std::vector<line_buffer::long_line>& lines) {
  const std::string reason = "a line is longer than max_line = " + std::to_string(max_line) +
                             " bytes; its beginning is all that is left of it";
  for (const line_buffer::long_line& line : lines)
    sink.reject(what, {source, from + ", byte " + std::to_string(line.offset), reason, line.bytes});
}

/// How much is read at once, so that a rate is kept evenly: about a tenth of a second's.
class read_size {
 public:
  /// Bytes that are read while a lock is held: the batch clock waits no longer than that takes.
  static constexpr std::size_t most = std::size_t{256} << 10;

  std::size_t bytes(bool limited) const { return limited ? bytes_ : most; }
  /// After so much was read, nothing may be for `wait`.
  void waited(std::chrono::nanoseconds wait) {
    if (wait > std::chrono::milliseconds(100)) bytes_ = std::max(bytes_ / 2, least);
    else if (wait < std::chrono::milliseconds(50)) bytes_ = std::min(bytes_ * 2, most);
  }

 private:
  static constexpr std::size_t least = 64;
  std::size_t bytes_ = 1024;
};

}  // namespace millrace::detail
