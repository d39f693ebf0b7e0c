#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <system_error>

#include "millrace/detail/base/events.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/detail/base/settings.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

/// Shared with the subscriber. Each line goes out at once, so that a killed process has logged all
/// that it delivered.
struct event_log::file {
  std::string path;
  int descriptor = -1;
  std::mutex mutex;
  std::string failure;  // guarded; once set, nothing more is written

  ~file() {
    if (descriptor != -1) ::close(descriptor);
  }

  [[nodiscard]] std::string words(const char* operation, int code) const {
    return std::string{"the event log can't be "} + operation + " (" +
           std::generic_category().message(code) + "): " + path;
  }

  void open() {
    descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    // A pipe, for one, may only be written.
    if (descriptor == -1) {
      descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    }
    if (descriptor == -1) throw error{words("opened", errno)};
  }

  /// A process that was killed may have left a line without an end.
  void end_torn_line() {
    struct stat status{};
    if (::fstat(descriptor, &status) != 0) throw error{words("opened", errno)};
    if (!S_ISREG(status.st_mode) || status.st_size == 0) return;
    char last = '\n';
    if (::pread(descriptor, &last, 1, status.st_size - 1) == 1 && last != '\n') write("\n");
    if (!failure.empty()) throw error{failure};
  }

  void write(std::string_view line) {
    const std::lock_guard lock{mutex};
    while (failure.empty() && !line.empty()) {
      const ::ssize_t written = ::write(descriptor, line.data(), line.size());
      if (written >= 0) {
        line.remove_prefix(static_cast<std::size_t>(written));
      } else if (errno != EINTR) {
        failure = words("written", errno);
        log_error(failure + "; no more is written to it");
      }
    }
  }
};

std::string event_log::path_of(const settings& settings) {
  std::string path = settings.text("event.log");
  if (!path.empty()) return path;
  const char* const from_environment = std::getenv("MILLRACE_EVENT_LOG");
  return from_environment == nullptr ? std::string{} : from_environment;
}

event_log::event_log(event_bus& bus, const std::string& path)
    : bus_{bus}, file_{std::make_shared<file>()} {
  file_->path = path;
  file_->open();
  file_->end_torn_line();
  subscription_ = bus.subscribe([to = file_](const event& happened) {
    std::string line = to_json_line(happened);
    line += '\n';
    to->write(line);
  });
}

event_log::~event_log() {
  try {
    close();
  } catch (const std::exception& e) {
    log_error(describe(e));
  }
}

void event_log::close() {
  if (!file_) return;
  bus_.flush();
  subscription_.end();
  const std::shared_ptr<file> last = std::move(file_);
  const int descriptor = std::exchange(last->descriptor, -1);
  // Linux has closed the descriptor whatever it returns, EINTR included.
  const int closed = ::close(descriptor);
  const int code = errno;
  if (!last->failure.empty()) throw error{last->failure};
  const std::string missed = subscription_.failure();
  if (!missed.empty()) throw error{"the event log lacks lines (" + missed + "): " + last->path};
  if (closed != 0 && code != EINTR) throw error{last->words("closed", code)};
}

}  // namespace millrace::detail
