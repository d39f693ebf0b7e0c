// The port of `socket::listen`.
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <utility>

#include "connectors/socket/io_thread.hpp"
#include "connectors/socket/listen_session.hpp"
#include "millrace/error.hpp"
#include "millrace/socket.hpp"

namespace millrace {
namespace detail {
namespace {

class listen_receiver final : public receiver_port {
 public:
  explicit listen_receiver(socket::listen options) : options_(std::move(options)) {}
  ~listen_receiver() override { stop(); }

  void start(receiver_sink& to) override {
    io_ = io_thread::shared();
    session_ = std::make_shared<listen_session>(io_->context(), options_, to);
    boost::asio::post(io_->context(), [session = session_] { session->accept(); });
  }
  void stop() noexcept override {
    if (session_ == nullptr || std::exchange(stopped_, true)) return;
    std::promise<void> closed;
    boost::asio::post(io_->context(), [this, &closed] {
      session_->close();
      closed.set_value();
    });
    closed.get_future().wait();
  }
  void cut() override {
    if (session_ != nullptr) session_->cut();
  }
  void resume() noexcept override { session_->resume(); }
  std::string description() const override {
    if (session_ != nullptr) return "socket listen " + session_->here();
    return "socket listen " + options_.bind + ":" + std::to_string(options_.port);
  }
  on_bad_record bad_records() const override { return options_.on_bad_record; }

 private:
  socket::listen options_;
  std::shared_ptr<io_thread> io_;  // outlives the session, whose sockets belong to it
  std::shared_ptr<listen_session> session_;
  bool stopped_ = false;
};

}  // namespace
}  // namespace detail

std::unique_ptr<detail::receiver_port> socket::listen::make_port() const {
  boost::system::error_code not_numeric;
  (void)boost::asio::ip::make_address(bind, not_numeric);
  if (not_numeric && bind != "localhost")
    throw usage_error(
        "socket listen: bind must be a numeric address of this machine or \"localhost\": \"" +
        bind + "\"");
  if (max_line == 0) throw usage_error("socket listen: max_line must be at least one byte");
  if (max_clients < 1)
    throw usage_error("socket listen: max_clients must be at least 1: " +
                      std::to_string(max_clients));
  if (!(max_rate >= 0)) throw usage_error("socket listen: max_rate must not be negative");
  return std::make_unique<detail::listen_receiver>(*this);
}

}  // namespace millrace
