// The one thread that waits for all sockets of the process.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <thread>

namespace millrace::detail {

/// Runs while somebody holds it. Handlers must not hold it themselves: its end waits for them.
class io_thread {
 public:
  /// The process's; started by the first who asks.
  static std::shared_ptr<io_thread> shared();

  io_thread();
  ~io_thread();
  io_thread(const io_thread&) = delete;
  io_thread& operator=(const io_thread&) = delete;

  boost::asio::io_context& context() { return context_; }

 private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace millrace::detail
