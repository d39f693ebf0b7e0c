// Python processes that run the program's functions, and the sockets that lead to them.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "fork_server.hpp"
#include "frame.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/error.hpp"

namespace millrace::python {

/// Set when the job that the calling thread waits for is to end, as `detail::lane_cancelled`.
extern thread_local const std::atomic<bool>* job_cancelled;

/// A worker process ended, or broke its word, in the middle of a task.
class worker_lost : public detail::process_lost {
 public:
  using process_lost::process_lost;
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
    bad_record = 'B',  // `number`: its policy; bytes: four sizes, then source … as in bad_record
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
  /// `patience`: a process that gives no sign of itself for so long in a task is ended; 0: never.
  /// `server`: what forked it, which lives longer.
  worker(int socket, std::chrono::milliseconds patience, fork_server& server)
      : socket_(socket), patience_(patience), server_(server) {}
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// Between two tasks: whether its process has not ended meanwhile.
  bool is_there() const;
  /// `function` as cloudpickle wrote it.
  void begin(const detail::task_context& task, int partition, std::string_view function);
  message receive(const detail::task_context& task);
  /// The frames of a message of rows; they live as long as it.
  static void read_frames(const message& m, std::vector<frame>& to);
  /// Does with a bad record what it says, and answers.
  void reject(const message& m);
  /// Answers wants_rows: frames of rows, or blocks of text; none: there are no more.
  void send_rows(const std::vector<std::string_view>& frames, bool text);
  /// Answers rows.
  void send_more(bool more);
  /// Ends the process, whatever it is doing.
  void kill() noexcept;

 private:
  /// All of them, in one message where they fit: each one more would wake the process once more.
  void send(std::vector<iovec>& parts);
  /// False: the task was cancelled meanwhile.
  bool read(void* to, std::size_t n, const detail::task_context& task);
  [[noreturn]] void throw_silent();
  /// `why`: what is known where nobody knows how it ended.
  [[noreturn]] void throw_ended(const char* why);

  int socket_;
  std::chrono::milliseconds patience_;
  fork_server& server_;
  pid_t process_ = 0;  // 0: it has not said yet
  std::string buffer_;
};

/// Idle workers, and the fork server that makes new ones. Any thread.
class worker_pool {
 public:
  /// Takes over the socket that leads to the fork server.
  worker_pool(int server, std::chrono::milliseconds patience)
      : server_(server), patience_(patience) {}
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
  fork_server server_;
  bool stopped_ = false;
  const std::chrono::milliseconds patience_;  // with a worker that is busy
  std::vector<std::unique_ptr<worker>> idle_;
  std::vector<std::string> gained_;
};

}  // namespace millrace::python
