// A plain TCP connection, for threads that may wait.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace millrace::detail {

/// Closed when destroyed. One thread.
class tcp_socket {
 public:
  explicit tcp_socket(int number) : number_(number) {}
  tcp_socket(tcp_socket&& other) noexcept;
  tcp_socket& operator=(tcp_socket&&) = delete;
  ~tcp_socket();

  /// False: `stop` said so first; it is asked ten times a second.
  bool wait_readable(const std::function<bool()>& stop) const;
  /// 0: the other side has closed. Throws error.
  std::size_t read(char* to, std::size_t most) const;
  /// All of it, or throws error: also when nothing can be written for 30 seconds.
  void write(std::string_view bytes) const;
  /// Says that nothing more is written, and waits until the other side has closed too.
  void finish() const;

  int number() const { return number_; }

 private:
  int number_;
};

/// Throws error: the host can't be found, or nobody listens there, or `stop` said so.
tcp_socket connect_to(const std::string& host, int port, const std::function<bool()>& stop);

}  // namespace millrace::detail
