// Text lines from a TCP server.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/bad_record.hpp"
#include "millrace/detail/streaming/receiving.hpp"

namespace millrace::socket {

/// A client that reads lines: `ssc.stream(mr::socket::text{.host = "localhost", .port = 9999})`, or
/// in short `ssc.socket_text_stream("localhost", 9999)`. Rows are `std::string_view`s into what was
/// received, without the line's end.
///
/// A line ends with "\n", "\r\n" or "\r" alone. A last line without an end counts when the server
/// closes the connection; not when the stream is stopped in the middle of it. Nothing is said about
/// the encoding: bytes are passed on as they are.
///
/// It connects again for ever, whether the server is not there yet, went away, or closed after its
/// last line; the pause between attempts doubles from `retry_first` to `retry_most` and begins anew
/// once something was received. The log and the listeners' `receiver_error` say so once an outage.
/// At most once: lines that the server sent while nobody was connected are not seen.
///
/// While streaming.receiver.maxBytes of received lines wait or are in work, nothing is read, so
/// that TCP slows the server down.
struct text {
  using record_type = std::string_view;

  std::string host{};
  std::uint16_t port = 0;
  /// Bytes that a line may have, its end not counted.
  std::size_t max_line = std::size_t{1} << 20;
  /// What becomes of a longer one.
  millrace::on_bad_record on_bad_record = millrace::on_bad_record::fail;
  std::chrono::milliseconds retry_first{100};
  std::chrono::milliseconds retry_most{5000};

  /// For the engine. Throws usage_error for options that can't be.
  std::unique_ptr<detail::receiver_port> make_port() const;
};

}  // namespace millrace::socket
