// Databases that a test starts for itself and ends by their process, and a connection in between
// that can be cut.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace millrace::test {

/// A directory of its own, removed at the end; the servers' user may write to it.
class scratch {
 public:
  scratch();
  ~scratch();
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A server on a free port of 127.0.0.1, as a user that is not root. Throws std::runtime_error with
/// what it said when it does not come up.
class server {
 public:
  enum class kind { postgresql, mariadb };
  static constexpr const char* password = "a 'hard' one/@:";

  explicit server(kind what);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// With the password in it; `port`: another than its own.
  std::string url(int port = 0) const;
  int port() const { return port_; }

  void start();
  /// At once, as a crash does.
  void kill();

 private:
  std::vector<std::string> command() const;
  void await();

  kind kind_;
  scratch directory_;
  int port_;
  ::pid_t process_ = -1;
};

/// Hands connections on to a server.
class proxy {
 public:
  enum class cut {
    none,
    before_commit,  ///< the server never sees it
    after_commit,   ///< the server has answered, and nobody hears it
  };
  explicit proxy(int to);
  ~proxy();
  proxy(const proxy&) = delete;
  proxy& operator=(const proxy&) = delete;

  int port() const { return port_; }
  /// The next COMMIT is cut, so many times.
  void arm(cut what, int times = 1);
  int cuts() const { return cuts_; }

 private:
  void accept_all();
  void serve(int client);

  int to_;
  int listener_;
  int port_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> cuts_ = 0;
  std::mutex mutex_;  // guards what follows
  cut armed_ = cut::none;
  int times_ = 0;
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

}  // namespace millrace::test
