// One listening socket and its clients. All happens on the I/O thread but where said.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connectors/socket/read_lines.hpp"
#include "millrace/detail/streaming/receiving.hpp"
#include "millrace/socket.hpp"
#include "streaming/receiving/input_rate.hpp"
#include "streaming/receiving/joined_lines.hpp"

namespace millrace::detail {

class listen_session : public std::enable_shared_from_this<listen_session> {
 public:
  /// Binds and listens. Throws error: the port is in use, or is not ours to listen on. Any thread.
  listen_session(boost::asio::io_context& io, const socket::listen& options, receiver_sink& sink);

  void accept();
  void close();
  /// There is room for more bytes again. Any thread.
  void resume();
  /// Stores all whole lines. Any thread.
  void cut();
  /// "127.0.0.1:9999", with the port that was found. Any thread.
  const std::string& here() const { return here_; }

 private:
  using error_code = boost::system::error_code;
  struct client;
  using client_ptr = std::shared_ptr<client>;

  void accept_later(const std::string& why);
  void wait_for_bytes(const client_ptr& from);
  void read(const client_ptr& from);
  void go_on(const client_ptr& from);
  void leave(const client_ptr& who);
  void join(client& from);
  void store_lines();
  void report(const std::string& what);
  bool tolerates(const client& from, const std::vector<line_buffer::long_line>& too_long);
  void give_up(std::exception_ptr why);

  const socket::listen options_;
  receiver_sink& sink_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;  // of accepting
  std::chrono::milliseconds next_pause_;
  std::string here_;
  std::map<std::int64_t, client_ptr> clients_;
  std::int64_t next_client_ = 1;
  bool closed_ = false;
  bool accepting_ = false;
  bool out_of_files_ = false;  // it has been said
  bool paused_ = false;        // reading, because nothing more may be held

  std::mutex mutex_;  // guards what follows: the batch clock's thread cuts
  joined_lines lines_;
};

}  // namespace millrace::detail
