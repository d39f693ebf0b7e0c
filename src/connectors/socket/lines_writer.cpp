#include "connectors/socket/tcp.hpp"
#include "millrace/error.hpp"
#include "millrace/socket.hpp"

namespace millrace::detail {
namespace {

constexpr std::size_t send_at = std::size_t{64} << 10;

}  // namespace

lines_writer::lines_writer(std::string host, int port) : host_(std::move(host)), port_(port) {
  if (host_.empty() || port_ == 0)
    throw usage_error("socket lines: the host or the port is missing");
}

lines_writer::~lines_writer() = default;

void lines_writer::add(const row_type& type, const void* row) {
  print_row(type, row, text_);
  text_ += '\n';
  if (text_.size() >= send_at) send();
}

void lines_writer::send() {
  if (socket_ == nullptr)
    socket_ = std::make_unique<tcp_socket>(connect_to(host_, port_, [] { return false; }));
  socket_->write(text_);
  text_.clear();
}

void lines_writer::finish() {
  if (!text_.empty()) send();
  if (socket_ != nullptr) socket_->finish();
}

}  // namespace millrace::detail
