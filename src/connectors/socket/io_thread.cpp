#include "connectors/socket/io_thread.hpp"

#include <mutex>

namespace millrace::detail {

std::shared_ptr<io_thread> io_thread::shared() {
  static std::mutex mutex;
  static std::weak_ptr<io_thread> running;
  const std::lock_guard lock(mutex);
  std::shared_ptr<io_thread> one = running.lock();
  if (one == nullptr) running = one = std::make_shared<io_thread>();
  return one;
}

io_thread::io_thread() : work_(context_.get_executor()), thread_([this] { context_.run(); }) {}

io_thread::~io_thread() {
  work_.reset();
  context_.stop();
  thread_.join();
}

}  // namespace millrace::detail
