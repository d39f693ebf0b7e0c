// Text lines from a TCP server, and to one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/bad_record.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/streaming/receiving.hpp"
#include "millrace/sink.hpp"

namespace millrace::detail {

/// Rows as lines to a TCP server; connects with the first one.
class lines_writer {
 public:
  /// usage_error: the host or the port is missing.
  lines_writer(std::string host, int port);
  ~lines_writer();
  lines_writer(const lines_writer&) = delete;
  lines_writer& operator=(const lines_writer&) = delete;

  void add(const row_type& type, const void* row);
  void finish();

 private:
  void send();

  std::string host_;
  int port_;
  std::string text_;
  std::unique_ptr<class tcp_socket> socket_;
};

}  // namespace millrace::detail

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
/// At most once: lines that the server sent while nobody was connected are not seen, and what was
/// received is gone when the process dies. With streaming.receiver.writeAheadLog.enable lines are
/// in the log before more is read: lost is at most what the system held for the process when it
/// died, and the line that had not come whole. After a power cut, also what came since the last
/// batch.
///
/// While streaming.receiver.maxBytes of received lines wait or are in work, nothing is read, so
/// that TCP slows the server down.
struct text {
  using record_type = std::string_view;

  std::string host{};
  std::uint16_t port = 0;
  /// Bytes that a line may have, its end not counted.
  std::size_t max_line = std::size_t{1} << 20;
  /// What becomes of a longer one; of it the first max_line bytes are kept as a dead letter.
  millrace::on_bad_record on_bad_record = millrace::on_bad_record::fail;
  std::chrono::milliseconds retry_first{100};
  std::chrono::milliseconds retry_most{5000};

  /// For the engine. Throws usage_error for options that can't be.
  std::unique_ptr<detail::receiver_port> make_port() const;
};

/// A server that reads lines from whoever connects: `ssc.stream(mr::socket::listen{.port = 9999})`.
/// Rows are as those of `text`, and so is what makes a line. The lines of one client stay in their
/// order; those of several are joined as they come.
///
/// Listens when the stream starts: a port that is taken is an error then, which names it. On this
/// machine alone, unless `bind` names another of its addresses ("0.0.0.0" or "::" for all); then
/// anyone who reaches it can send, which the log says at each start.
///
/// Clients are told nothing. A last line without an end counts when its client closes the
/// connection; where the connection breaks, or the stream is stopped, that piece is left out and
/// reported. A client that sends nothing costs its place and no more. While streaming.receiver.
/// maxBytes of received lines wait or are in work, nothing is read of any.
struct listen {
  using record_type = std::string_view;

  /// A numeric address of this machine, or "localhost".
  std::string bind = "127.0.0.1";
  /// 0: any that is free, which the receiver's description names once the stream has started.
  std::uint16_t port = 0;
  /// Clients at a time. Further ones wait until one leaves, as they do when the process may open no
  /// more files.
  int max_clients = 256;
  /// Bytes that a line may have, its end not counted.
  std::size_t max_line = std::size_t{1} << 20;
  /// What becomes of a longer one; of it the first max_line bytes are kept as a dead letter.
  millrace::on_bad_record on_bad_record = millrace::on_bad_record::fail;
  /// Lines a second that one client may bring, 0: any. What all may bring is
  /// streaming.receiver.maxRate and back-pressure.
  double max_rate = 0;

  /// For the engine. Throws usage_error for options that can't be.
  std::unique_ptr<detail::receiver_port> make_port() const;
};

/// A frame for `ssc.raw_socket_stream<T>`: what a sender writes to the connection.
template <class Range>
std::string frame(const Range& rows) {
  byte_writer out;
  for (const auto& row : rows)
    detail::encode_row(detail::row_type_of<std::decay_t<decltype(row)>>(), &row, out);
  std::string all;
  for (int shift = 24; shift >= 0; shift -= 8)
    all += static_cast<char>(static_cast<std::uint32_t>(out.size()) >> shift & 0xff);
  all.append(out.data(), out.size());
  return all;
}

/// A sink: each row as a line of text, as `save_as_text_files` prints it. Every partition that has
/// rows makes a connection of its own, and has been written when the other side closed it after the
/// last line; one that breaks fails the task. At least once: a task or a batch that runs again
/// writes again.
struct lines {
  std::string host{};
  std::uint16_t port = 0;

  template <class T>
  void write(const output_id&, partition_rows<T>& rows) const {
    detail::lines_writer to(host, port);
    for (const T& row : rows) to.add(detail::row_type_of<T>(), &row);
    to.finish();
  }
};

}  // namespace millrace::socket
