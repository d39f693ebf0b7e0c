// A wire between clients and a broker, with faults that a test asks for.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

namespace millrace::testing {

/// Forwards connections to a port of 127.0.0.1. Any thread; what is asked for holds for what comes
/// next, on connections that are open too.
class tcp_proxy {
 public:
  /// Listens on a port of 127.0.0.1 that it chooses, and closes what comes until `forward_to`.
  tcp_proxy();
  ~tcp_proxy();
  tcp_proxy(const tcp_proxy&) = delete;
  tcp_proxy& operator=(const tcp_proxy&) = delete;

  std::uint16_t port() const;
  void forward_to(std::uint16_t port);

  /// Bytes arrive so much later, in either direction.
  void delay(std::chrono::milliseconds by);
  /// All connections are cut now, with what is on its way.
  void cut();
  /// Each connection, those that come later too, is cut when it has brought so many bytes more to
  /// the broker, or back from it; 0: none is.
  void cut_after(std::size_t to_broker, std::size_t from_broker);
  /// Nothing arrives any more and nothing is closed, until it is over.
  void swallow(bool on);
  /// What clients wait for ends, as if the broker had said its last word; they may go on sending.
  void end_answers();

  /// Connections that were cut, by `cut` and `cut_after`.
  int cuts() const;
  /// Bytes that came back from the broker, over all connections.
  std::int64_t answered() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace millrace::testing
