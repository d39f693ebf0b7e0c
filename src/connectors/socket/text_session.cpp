#include "connectors/socket/text_session.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace asio = boost::asio;

text_session::text_session(asio::io_context& io, const socket::text& options, receiver_sink& sink)
    : options_(options),
      sink_(sink),
      resolver_(io),
      socket_(io),
      pause_(io),
      next_pause_(options.retry_first),
      peer_(options.host + ":" + std::to_string(options.port)),
      lines_(options.max_line) {}

void text_session::connect() {
  if (closed_) return;
  const auto connected = [self = shared_from_this()](error_code failed, const auto&) {
    if (self->closed_) return;
    if (failed) return self->lost("could not connect: " + failed.message());
    log_info("connected to " + self->peer_);
    self->connected_ = true;
    ++self->connection_;
    error_code ignored;
    self->socket_.non_blocking(true, ignored);
    self->wait_for_bytes();
  };
  // A numeric address needs no resolver, and the resolver a thread of its own.
  error_code not_numeric;
  const auto address = asio::ip::make_address(options_.host, not_numeric);
  if (!not_numeric) {
    const asio::ip::tcp::endpoint there(address, options_.port);
    socket_.async_connect(there,
                          [connected, there](error_code failed) { connected(failed, there); });
    return;
  }
  if (options_.host == "localhost") {  // nor does this one (RFC 6761): not all machines list it
    using asio::ip::tcp;
    const std::array here{tcp::endpoint(asio::ip::address_v6::loopback(), options_.port),
                          tcp::endpoint(asio::ip::address_v4::loopback(), options_.port)};
    asio::async_connect(socket_, here, connected);
    return;
  }
  resolver_.async_resolve(
      options_.host, std::to_string(options_.port),
      [self = shared_from_this(), connected](error_code failed, const auto& found) {
        if (self->closed_) return;
        if (failed) return self->lost("could not find the host: " + failed.message());
        asio::async_connect(self->socket_, found, connected);
      });
}

void text_session::close() {
  closed_ = true;
  error_code ignored;
  resolver_.cancel();
  socket_.close(ignored);
  pause_.cancel();
  std::size_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    dropped = lines_.end(false);
  }
  report_dropped(dropped);
}

/// The piece of a line that a connection left.
void text_session::report_dropped(std::size_t bytes) {
  if (bytes == 0) return;
  const std::string what = "socket text " + peer_ +
                           ": the beginning of a line was left out, for its end did not come. "
                           "Bytes: " +
                           std::to_string(bytes);
  log_warn(what);
  sink_.report(what);
}

void text_session::resume() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->paused_ = false;
    self->go_on();
  });
}

void text_session::wait_for_bytes() {
  waiting_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](error_code failed) {
                       self->waiting_ = false;
                       if (self->closed_) return;
                       if (failed) return self->lost(failed.message());
                       self->read();
                     });
}

void text_session::read() {
  lines_read now;
  std::vector<line_buffer::long_line> too_long;
  std::size_t not_stored = 0;
  const bool limited = sink_.limited();
  try {
    const std::lock_guard lock(mutex_);
    now = read_lines(socket_, lines_, size_.bytes(limited), limited, [this] { store_lines(); });
    if (sink_.logs()) store_lines();
    too_long = lines_.take_too_long();
    not_stored = lines_.line_bytes();
  } catch (...) {
    return give_up(std::current_exception());
  }
  if (now.bytes != 0) {  // a server that only accepts is not back yet
    next_pause_ = options_.retry_first;
    outage_ = false;
  }
  report_dropped(now.dropped);
  if (!tolerates(too_long)) return;
  if (now.ended)
    return lost(now.ended == asio::error::eof ? "the server closed the connection"
                                              : now.ended.message());
  paused_ = sink_.pause(not_stored);
  if (!limited) return go_on();
  const std::chrono::nanoseconds wait = sink_.throttle(now.line_ends);
  size_.waited(wait);
  if (wait.count() == 0) return go_on();
  slowed_ = true;
  pause_.expires_after(wait);
  pause_.async_wait([self = shared_from_this()](error_code cancelled) {
    self->slowed_ = false;
    if (!cancelled && !self->closed_) self->go_on();
  });
}

/// Reads on, if nothing speaks against it.
void text_session::go_on() {
  if (!paused_ && !slowed_ && !waiting_ && connected_ && !closed_) wait_for_bytes();
}

void text_session::cut() {
  std::vector<line_buffer::long_line> too_long;
  {
    const std::lock_guard lock(mutex_);
    store_lines();
    too_long = lines_.take_too_long();
  }
  tolerates(too_long);
}

/// Does with lines that were too long what the options say; false: the stream fails. Any thread.
bool text_session::tolerates(const std::vector<line_buffer::long_line>& too_long) {
  if (too_long.empty()) return true;
  try {
    reject_too_long(sink_, options_.on_bad_record, "socket text " + peer_,
                    "connection " + std::to_string(connection_), options_.max_line, too_long);
    return true;
  } catch (...) {
    give_up(std::current_exception());
    return false;
  }
}

/// REQUIRES: the lock is held.
void text_session::store_lines() {
  if (!lines_.has_lines()) return;
  for (text_block& block : lines_.take()) {
    received_block received;
    received.bytes = block.text.size();
    if (sink_.counting()) received.records = count_lines(block.text);
    received.text = std::move(block);
    sink_.store(std::move(received));
  }
}

void text_session::lost(const std::string& why) {
  connected_ = false;
  error_code ignored;
  socket_.close(ignored);
  if (!outage_) {
    outage_ = true;
    const std::string what = "socket text " + peer_ + ": " + why + "; trying again until it works";
    log_warn(what);
    sink_.report(what);
  }
  retry();
}

void text_session::retry() {
  pause_.expires_after(next_pause_);
  next_pause_ = std::min(next_pause_ * 2, options_.retry_most);
  pause_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (!cancelled) self->connect();
  });
}

void text_session::give_up(std::exception_ptr why) {
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->close(); });
  sink_.fail(std::move(why));
}

}  // namespace millrace::detail
