#include "connectors/socket/text_receiver.hpp"

#include <boost/asio/post.hpp>
#include <future>

#include "connectors/socket/text_session.hpp"
#include "millrace/error.hpp"

namespace millrace {

std::unique_ptr<detail::receiver_port> socket::text::make_port() const {
  if (host.empty()) throw usage_error("socket text: the host is missing");
  if (port == 0) throw usage_error("socket text: the port must be between 1 and 65535");
  if (max_line == 0) throw usage_error("socket text: max_line must be at least one byte");
  if (retry_first.count() <= 0 || retry_most < retry_first) {
    throw usage_error(
        "socket text: retry_first must be at least 1 ms and not more than retry_most: " +
        std::to_string(retry_first.count()) + " ms and " + std::to_string(retry_most.count()) +
        " ms");
  }
  return std::make_unique<detail::text_receiver>(*this);
}

namespace detail {

text_receiver::text_receiver(socket::text options) : options_(std::move(options)) {}
text_receiver::~text_receiver() { stop(); }

void text_receiver::start(receiver_sink& to) {
  io_ = io_thread::shared();
  session_ = std::make_shared<text_session>(io_->context(), options_, to);
  boost::asio::post(io_->context(), [session = session_] { session->connect(); });
}

void text_receiver::stop() noexcept {
  if (session_ == nullptr || std::exchange(stopped_, true)) return;
  std::promise<void> closed;
  boost::asio::post(io_->context(), [this, &closed] {
    session_->close();
    closed.set_value();
  });
  closed.get_future().wait();
}

void text_receiver::cut() {
  if (session_ != nullptr) session_->cut();
}

void text_receiver::resume() noexcept { session_->resume(); }

std::string text_receiver::description() const {
  return "socket text " + options_.host + ":" + std::to_string(options_.port);
}

}  // namespace detail
}  // namespace millrace
