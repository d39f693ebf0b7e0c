// Python processes that run the program's functions, and the sockets that lead to them.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/error.hpp"

namespace millrace::python {

/// Set when the job that the calling thread waits for is to end. That thread runs tasks too, and
/// meanwhile nobody else can tell them.
extern thread_local const std::atomic<bool>* job_cancelled;

/// A worker process ended, or broke its word, in the middle of a task. The task may be run again.
class worker_lost : public error {
 public:
  using error::error;
};

/// The program's function raised; the text is Python's traceback.
class python_error : public error {
 public:
  using error::error;
};

/// What a worker says. It asks for input and tells of output; the driver only answers, so that the
/// two never write at the same time.
struct message {
  enum class kind : char {
    wants_rows = 'R',  // `number`: of which input
    rows = 'O',        // `number` frames: their places, then their bytes
    done = 'D',        // bytes: what accumulators gained
    failed = 'E',      // bytes: the traceback
    cancelled = 0,     // nothing came: the task is not wanted any more
  };
  kind what{};
  std::uint32_t number = 0;
  std::string_view bytes{};  // until the next call
};

/// One process. Used by one thread at a time.
class worker {
 public:
  explicit worker(int socket) : socket_(socket) {}
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// `function` as cloudpickle wrote it.
  void begin(const detail::task_context& task, int partition, std::string_view function);
  message receive(const detail::task_context& task);
  /// Answers wants_rows: frames of rows, or blocks of text; none: there are no more.
  void send_rows(const std::vector<std::string_view>& frames, bool text);
  /// Answers rows.
  void send_more(bool more);
  /// Ends the process, whatever it is doing.
  void kill() noexcept;

 private:
  void send(const void* bytes, std::size_t n);
  /// False: the task was cancelled meanwhile.
  bool read(void* to, std::size_t n, const detail::task_context& task);

  int socket_;
  pid_t process_ = 0;  // 0: it has not said yet
  std::string buffer_;
};

/// Idle workers, and the fork server that makes new ones. Any thread.
class worker_pool {
 public:
  /// Takes over the socket that leads to the fork server.
  explicit worker_pool(int server) : server_(server) {}
  ~worker_pool();
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  std::unique_ptr<worker> take();
  /// Only a worker that is between two tasks.
  void give_back(std::unique_ptr<worker> idle);
  /// Asks for workers before they are needed.
  void prepare(int workers);
  /// Ends the fork server, and idle workers with it.
  void stop() noexcept;

  // What accumulators gained in tasks that ended well, as they were pickled.
  void gained(std::string_view updates);
  std::vector<std::string> take_gained();

 private:
  std::unique_ptr<worker> fork_one();

  std::mutex mutex_;
  int server_;
  std::vector<std::unique_ptr<worker>> idle_;
  std::vector<std::string> gained_;
};

}  // namespace millrace::python
