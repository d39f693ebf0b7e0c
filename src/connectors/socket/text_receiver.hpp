// A connection that is read line by line and made again when it breaks.
#pragma once

#include <memory>
#include <mutex>

#include "connectors/socket/io_thread.hpp"
#include "millrace/socket.hpp"
#include "streaming/receiving/line_buffer.hpp"

namespace millrace::detail {

class text_session;

/// The port of `socket::text`.
class text_receiver final : public receiver_port {
 public:
  explicit text_receiver(socket::text options);
  ~text_receiver() override;

  void start(receiver_sink& to) override;
  void stop() noexcept override;
  void cut() override;
  void resume() noexcept override;
  std::string description() const override;
  on_bad_record bad_records() const override { return options_.on_bad_record; }

 private:
  socket::text options_;
  std::shared_ptr<io_thread> io_;  // outlives the session, whose sockets belong to it
  std::shared_ptr<text_session> session_;
  bool stopped_ = false;
};

}  // namespace millrace::detail
