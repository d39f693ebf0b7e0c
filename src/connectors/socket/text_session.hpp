// One receiver's connection, attempt after attempt. All happens on the I/O thread but where said.
#pragma once

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <string>

#include "connectors/socket/read_lines.hpp"
#include "millrace/detail/streaming/receiving.hpp"
#include "millrace/socket.hpp"
#include "streaming/receiving/line_buffer.hpp"

namespace millrace::detail {

class text_session : public std::enable_shared_from_this<text_session> {
 public:
  text_session(boost::asio::io_context& io, const socket::text& options, receiver_sink& sink);

  void connect();
  void close();
  /// There is room for more bytes again. Any thread.
  void resume();
  /// Stores all whole lines. Any thread.
  void cut();

 private:
  using error_code = boost::system::error_code;

  void wait_for_bytes();
  void read();
  void go_on();
  void store_lines();
  void lost(const std::string& why);
  void report_dropped(std::size_t bytes);
  void retry();
  bool tolerates(const std::vector<line_buffer::long_line>& too_long);
  void give_up(std::exception_ptr why);

  const socket::text options_;
  receiver_sink& sink_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer pause_;
  std::chrono::milliseconds next_pause_;
  bool closed_ = false;
  bool waiting_ = false;  // for bytes
  bool paused_ = false;   // reading, because nothing more may be held
  bool slowed_ = false;   // reading, to keep the rate
  bool outage_ = false;   // it has been said that the server is away
  bool connected_ = false;
  std::string peer_;
  read_size size_;
  std::int64_t connection_ = 0;  // how many there have been

  std::mutex mutex_;  // guards what follows: the batch clock's thread cuts
  line_buffer lines_;
};

}  // namespace millrace::detail
