#include "connectors/socket/listen_session.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

/// A client's lines are copied out of its buffer, so that may be small.
constexpr std::size_t client_block = std::size_t{64} << 10;
constexpr std::chrono::milliseconds first_pause = 50ms;
constexpr std::chrono::milliseconds longest_pause = 2s;

asio::ip::address address_of(const std::string& bind) {
  if (bind == "localhost") return asio::ip::address_v4::loopback();
  return asio::ip::make_address(bind);  // checked with the options
}

}  // namespace

struct listen_session::client {
  client(tcp::socket s, std::int64_t n, std::size_t longest)
      : connection(std::move(s)),
        pause(connection.get_executor()),
        number(n),
        lines(longest, client_block) {}

  tcp::socket connection;
  asio::steady_timer pause;
  std::int64_t number;
  std::string name{};  // "127.0.0.1:40312"
  line_buffer lines;
  rate_pace pace{};
  read_size size{};
  bool waiting = false;  // for bytes
  bool slowed = false;   // to keep a rate
};

listen_session::listen_session(asio::io_context& io, const socket::listen& options,
                               receiver_sink& sink)
    : options_(options), sink_(sink), acceptor_(io), pause_(io), next_pause_(first_pause) {
  const tcp::endpoint wanted(address_of(options_.bind), options_.port);
  here_ = options_.bind + ":" + std::to_string(options_.port);
  error_code failed;
  const auto check = [&](const char* what) {
    if (!failed) return;
    const bool taken = failed == asio::error::address_in_use;
    throw error("socket listen: " +
                (taken ? std::string("the port is in use, by another program or another stream")
                       : std::string(what) + ": " + failed.message()) +
                ": " + here_);
  };
  acceptor_.open(wanted.protocol(), failed);
  check("no socket could be opened");
  acceptor_.set_option(tcp::acceptor::reuse_address(true), failed);
  check("the socket could not be set up");
  acceptor_.bind(wanted, failed);
  check("could not bind to the address");
  acceptor_.listen(asio::socket_base::max_listen_connections, failed);
  check("could not listen");
  acceptor_.non_blocking(true, failed);
  check("the socket could not be set up");
  here_ = options_.bind + ":" + std::to_string(acceptor_.local_endpoint().port());
  log_info("listening for lines on " + here_);
  if (!wanted.address().is_loopback())
    log_warn("socket listen: listening beyond this machine, and anyone who reaches it can send: " +
             here_);
}

void listen_session::accept() {
  if (closed_ || accepting_) return;
  if (clients_.size() >= static_cast<std::size_t>(options_.max_clients)) return;  // `leave` goes on
  accepting_ = true;
  acceptor_.async_accept([self = shared_from_this()](error_code failed, tcp::socket connection) {
    self->accepting_ = false;
    if (self->closed_) return;
    if (failed == asio::error::connection_aborted) return self->accept();  // left while it waited
    if (failed) return self->accept_later(failed.message());
    self->next_pause_ = first_pause;
    self->out_of_files_ = false;
    const auto one = std::make_shared<client>(std::move(connection), self->next_client_++,
                                              self->options_.max_line);
    error_code ignored;
    one->connection.non_blocking(true, ignored);
    const tcp::endpoint there = one->connection.remote_endpoint(ignored);
    one->name = there.address().to_string(ignored) + ":" + std::to_string(there.port());
    self->clients_.emplace(one->number, one);
    self->go_on(one);
    self->accept();
  });
}

/// The process or the machine has no place for another client; that may change.
void listen_session::accept_later(const std::string& why) {
  if (!std::exchange(out_of_files_, true))
    report("no client can be taken now; trying again until it works: " + why);
  pause_.expires_after(next_pause_);
  next_pause_ = std::min(next_pause_ * 2, longest_pause);
  pause_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (!cancelled) self->accept();
  });
}

void listen_session::close() {
  closed_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  std::size_t dropped = 0;
  for (const auto& numbered : clients_) {
    client& one = *numbered.second;
    one.connection.close(ignored);
    one.pause.cancel();
    dropped += one.lines.end(false);
    const std::lock_guard lock(mutex_);
    join(one);
  }
  clients_.clear();
  if (dropped != 0)
    report("the beginnings of lines were left out, for their ends had not come. Bytes: " +
           std::to_string(dropped));
}

void listen_session::resume() {
  asio::post(acceptor_.get_executor(), [self = shared_from_this()] {
    self->paused_ = false;
    const auto all = self->clients_;  // one may leave
    for (const auto& numbered : all) self->go_on(numbered.second);
  });
}

/// Reads on from a client, if nothing speaks against it.
void listen_session::go_on(const client_ptr& from) {
  if (paused_ || closed_ || from->slowed || from->waiting || !clients_.contains(from->number))
    return;
  wait_for_bytes(from);
}

void listen_session::wait_for_bytes(const client_ptr& from) {
  from->waiting = true;
  from->connection.async_wait(tcp::socket::wait_read,
                              [self = shared_from_this(), from](error_code failed) {
                                from->waiting = false;
                                if (self->closed_) return;
                                if (failed) return self->leave(from);
                                // Another client's bytes may have used up the room meanwhile.
                                if (!self->paused_) self->read(from);
                              });
}

void listen_session::read(const client_ptr& from) {
  const bool all_limited = sink_.limited();
  const bool limited = all_limited || options_.max_rate > 0;
  lines_read now;
  std::size_t not_stored = 0;
  try {
    const std::lock_guard lock(mutex_);
    now = read_lines(from->connection, from->lines, from->size.bytes(limited), limited,
                     [&] { join(*from); });
    join(*from);
    if (sink_.logs()) store_lines();
    not_stored = lines_.bytes();
  } catch (...) {
    return give_up(std::current_exception());
  }
  if (now.dropped != 0)
    report("the beginning of a line was left out, for its end did not come. Client: " + from->name +
           ", bytes: " + std::to_string(now.dropped));
  if (!tolerates(*from, from->lines.take_too_long())) return;
  if (sink_.pause(not_stored)) paused_ = true;
  std::chrono::nanoseconds wait = all_limited ? sink_.throttle(now.line_ends) : 0ns;
  if (options_.max_rate > 0)
    wait = std::max(
        wait, from->pace.take(now.line_ends, options_.max_rate, std::chrono::steady_clock::now()));
  if (now.ended) return leave(from);
  if (limited) from->size.waited(wait);
  if (wait.count() == 0) return go_on(from);
  from->slowed = true;
  from->pause.expires_after(wait);
  from->pause.async_wait([self = shared_from_this(), from](error_code cancelled) {
    from->slowed = false;
    if (!cancelled) self->go_on(from);
  });
}

void listen_session::leave(const client_ptr& who) {
  error_code ignored;
  who->connection.close(ignored);
  clients_.erase(who->number);
  pause_.cancel();  // its place is free
  accept();
}

/// REQUIRES: the lock is held.
void listen_session::join(client& from) {
  if (!from.lines.has_lines()) return;
  for (const text_block& block : from.lines.take()) lines_.add(block.text);
  if (lines_.full()) store_lines();
}

/// REQUIRES: the lock is held.
void listen_session::store_lines() {
  for (text_block& block : lines_.take()) {
    received_block received;
    received.bytes = block.text.size();
    if (sink_.counting()) received.records = count_lines(block.text);
    received.text = std::move(block);
    sink_.store(std::move(received));
  }
}

void listen_session::cut() {
  const std::lock_guard lock(mutex_);
  store_lines();
}

void listen_session::report(const std::string& what) {
  const std::string text = "socket listen " + here_ + ": " + what;
  log_warn(text);
  sink_.report(text);
}

/// Does with lines that were too long what the options say; false: the stream fails.
bool listen_session::tolerates(const client& from,
                               const std::vector<line_buffer::long_line>& too_long) {
  if (too_long.empty()) return true;
  try {
    reject_too_long(sink_, options_.on_bad_record, "socket listen " + here_,
                    "client " + std::to_string(from.number) + " " + from.name, options_.max_line,
                    too_long);
    return true;
  } catch (...) {
    give_up(std::current_exception());
    return false;
  }
}

void listen_session::give_up(std::exception_ptr why) {
  asio::post(acceptor_.get_executor(), [self = shared_from_this()] { self->close(); });
  sink_.fail(std::move(why));
}

}  // namespace millrace::detail
