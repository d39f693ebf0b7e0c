// The process that forks Python workers (millrace/fork_server.py).
#pragma once

#include <sys/types.h>

#include <mutex>
#include <string>

namespace millrace::python {

/// Any thread.
class fork_server {
 public:
  /// Takes over the socket that leads to it.
  explicit fork_server(int socket) : socket_(socket) {}
  ~fork_server() { stop(); }
  fork_server(const fork_server&) = delete;
  fork_server& operator=(const fork_server&) = delete;

  /// A new worker: our end of the socket between us.
  int fork_one();
  /// Whether it was ended by a signal, and by which, or with which exit status, as words that follow
  /// "a Python worker process"; empty: that is not known. Only of a worker that has closed its
  /// socket, which it does at its end.
  std::string end_of(pid_t worker) noexcept;
  /// Ends the process.
  void stop() noexcept;

 private:
  bool receive(void* to, std::size_t n) noexcept;  // REQUIRES: the lock is held

  std::mutex mutex_;  // of orders and their answers
  int socket_;        // -1: it was stopped
};

}  // namespace millrace::python
