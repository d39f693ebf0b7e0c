// The system calls by which the program changes files: this program's own take the place of those
// of the C library, for its libraries too. Each tells which phase it belongs to, by its path.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "phases.hpp"

namespace millrace::fault {
namespace {

/// What MILLRACE_FAULT_AT asks for.
struct plan {
  std::optional<phase> where;  // none: any call
  long n = 0;                  // 0: nothing
  strike what;

  static plan read() {
    plan p;
    const char* const text = std::getenv("MILLRACE_FAULT_AT");
    if (text == nullptr) return p;
    std::array<std::string, 4> parts;
    std::size_t at = 0;
    for (const char* c = text; *c != '\0' && at < parts.size(); ++c) {
      if (*c == ':') ++at;
      else parts.at(at) += *c;
    }
    std::size_t i = 0;
    while (i < phase_names.size() && parts[0] != phase_names.at(i)) ++i;
    if (i < phase_names.size()) p.where = static_cast<phase>(i);
    else if (parts[0] != "call") std::abort();
    p.n = std::atol(parts[1].c_str());
    struct known {
      const char* name;
      strike::kind what;
      int number;
    };
    using kind = strike::kind;
    for (const known& one :
         {known{"KILL", kind::signal, SIGKILL}, known{"STOP", kind::signal, SIGSTOP},
          known{"TERM", kind::signal, SIGTERM}, known{"EIO", kind::error, EIO},
          known{"ENOSPC", kind::error, ENOSPC}, known{"EDQUOT", kind::error, EDQUOT},
          known{"EROFS", kind::error, EROFS}, known{"EINTR", kind::error, EINTR},
          known{"cut", kind::cut, 0}, known{"a day on", kind::clock, 86'400},
          known{"an hour back", kind::clock, -3'600}})
      if (parts[2] == one.name) p.what = {one.what, one.number, strike::moment::before};
    if (parts[3] == "within") p.what.when = strike::moment::within;
    if (parts[3] == "after") p.what.when = strike::moment::after;
    return p;
  }
};

const plan& the_plan() {
  static const plan one = plan::read();
  return one;
}

/// What the machine's clock was set forward by, in seconds.
std::atomic<long> clock_set{0};

/// It is time for what was planned.
strike strike_now() {
  if (const char* const file = std::getenv("MILLRACE_FAULT_STRUCK"))
    (void)::syscall(SYS_close, ::syscall(SYS_open, file, O_WRONLY | O_CREAT, 0644));
  const strike what = the_plan().what;
  if (what.what != strike::kind::clock) return what;
  clock_set = what.number;
  return {};
}

/// The program meets a call once more.
strike enter_call() {
  static std::atomic<long> calls{0};
  const plan& wanted = the_plan();
  return !wanted.where && ++calls == wanted.n ? strike_now() : strike{};
}

std::string path_of(int descriptor) {
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  std::array<char, 4096> path;
  const long n = ::syscall(SYS_readlink, link.c_str(), path.data(), path.size());
  return n > 0 ? std::string(path.data(), static_cast<std::size_t>(n)) : std::string();
}

enum class change : unsigned char { create, write, sync, rename, remove };

/// Writes to a batch log since it was made: the first two are its head.
struct log_writes {
  std::mutex mutex;
  std::map<std::string, int, std::less<>> counts;

  void made(std::string_view path) {
    const std::lock_guard lock(mutex);
    counts[std::string(path)] = 0;
  }
  int one_more(std::string_view path) {
    const std::lock_guard lock(mutex);
    return ++counts[std::string(path)];
  }
};

std::optional<phase> phase_of_log(change what, std::string_view path, std::string_view bytes) {
  static auto* const writes = new log_writes;  // threads may outlive main
  switch (what) {
    case change::create: writes->made(path); return phase::log_exchange;
    case change::sync: return phase::log_sync;
    case change::remove: return phase::clean_up;
    case change::rename: return {};
    case change::write: break;
  }
  // A frame's head of 32 bytes, 8 bytes, the kind of the entry (docs/formats/batch_log.md).
  if (writes->one_more(path) <= 2 || bytes.size() < 41) return {};
  if (bytes[40] == 0) return phase::log_begin;
  if (bytes[40] == 1) return phase::mark;
  return {};
}

std::optional<phase> phase_of(change what, std::string_view path, std::string_view bytes = {}) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const bool writes = what == change::create || what == change::write || what == change::sync;
  if (name.starts_with("received-")) {
    if (what == change::remove) return phase::clean_up;
    return what == change::sync ? phase::wal_sync : phase::wal_append;
  }
  if (name.starts_with("log-")) return phase_of_log(what, path, bytes);
  if (name.starts_with("state-"))
    return what == change::remove ? phase::clean_up : phase::state_write;
  if (name.starts_with("checkpoint-")) {
    if (what == change::remove) return phase::clean_up;
    return what == change::rename ? phase::checkpoint_rename : phase::checkpoint_write;
  }
  if (path.find("/parts/") != std::string_view::npos) {
    if (writes) return phase::stage;
    return what == change::rename ? phase::publish : phase::clean_up;
  }
  if (path.ends_with("/commit/commits")) return phase::file_commit;
  if (name.starts_with("rows.db") && what != change::create) return phase::sql_commit;
  return {};
}

/// `real` is the call, `half` the same with half of the bytes.
template <class Real, class Half>
long around(const std::optional<phase>& where, Real real, Half half) {
  if (!where) return real();
  strike what = enter(*where);
  if (what.what == strike::kind::none) what = enter_call();
  if (what.what == strike::kind::error) {
    errno = what.number;
    return -1;
  }
  if (what.what == strike::kind::cut) return half();
  happen(what, strike::moment::before);
  if (what.what == strike::kind::signal && what.when == strike::moment::within) {
    const long done = half();
    happen(what, strike::moment::within);
    return done;
  }
  const long done = real();
  const int number = errno;
  happen(what, strike::moment::after);
  errno = number;
  return done;
}

template <class Real>
long around(const std::optional<phase>& where, Real real) {
  return around(where, real, real);
}

}  // namespace

strike enter(phase p) {
  static std::array<std::atomic<long>, phase_names.size()> counts{};
  const plan& wanted = the_plan();
  const long n = ++counts.at(static_cast<std::size_t>(p));
  return wanted.where == p && n == wanted.n ? strike_now() : strike{};
}

void happen(const strike& what, strike::moment now) {
  if (what.what == strike::kind::signal && what.when == now) ::kill(::getpid(), what.number);
}

}  // namespace millrace::fault

using millrace::fault::around;
using millrace::fault::change;
using millrace::fault::path_of;
using millrace::fault::phase_of;

namespace {

std::string_view bytes_of(const void* bytes, std::size_t count) {
  return {static_cast<const char*>(bytes), count};
}

int open_at(int directory, const char* path, int flags, unsigned mode) {
  const auto real = [&] { return ::syscall(SYS_openat, directory, path, flags, mode); };
  if ((flags & O_CREAT) == 0) return static_cast<int>(real());
  return static_cast<int>(around(phase_of(change::create, path), real));
}

/// The third argument of the open calls, where they have one.
#define MILLRACE_MODE(flags)                    \
  unsigned mode = 0;                            \
  if (((flags) & (O_CREAT | O_TMPFILE)) != 0) { \
    va_list arguments;                          \
    va_start(arguments, flags);                 \
    mode = va_arg(arguments, unsigned);         \
    va_end(arguments);                          \
  }

}  // namespace

extern "C" {

int clock_gettime(clockid_t which, timespec* time) noexcept {
  using call = int (*)(clockid_t, timespec*);
  static const call real = reinterpret_cast<call>(::dlsym(RTLD_NEXT, "clock_gettime"));
  const int done = real(which, time);
  if (which == CLOCK_REALTIME) time->tv_sec += millrace::fault::clock_set;
  return done;
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  return around(
      phase_of(change::write, path_of(descriptor), bytes_of(bytes, count)),
      [&] { return ::syscall(SYS_write, descriptor, bytes, count); },
      [&] { return ::syscall(SYS_write, descriptor, bytes, (count + 1) / 2); });
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t offset) {
  return around(
      phase_of(change::write, path_of(descriptor), bytes_of(bytes, count)),
      [&] { return ::syscall(SYS_pwrite64, descriptor, bytes, count, offset); },
      [&] { return ::syscall(SYS_pwrite64, descriptor, bytes, (count + 1) / 2, offset); });
}
ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  return pwrite64(descriptor, bytes, count, offset);
}

int fsync(int descriptor) {
  return static_cast<int>(around(phase_of(change::sync, path_of(descriptor)),
                                 [&] { return ::syscall(SYS_fsync, descriptor); }));
}
int fdatasync(int descriptor) {
  return static_cast<int>(around(phase_of(change::sync, path_of(descriptor)),
                                 [&] { return ::syscall(SYS_fdatasync, descriptor); }));
}

int open(const char* path, int flags, ...) {
  MILLRACE_MODE(flags)
  return open_at(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  MILLRACE_MODE(flags)
  return open_at(AT_FDCWD, path, flags, mode);
}

int rename(const char* from, const char* to) noexcept {
  return static_cast<int>(
      around(phase_of(change::rename, from), [&] { return ::syscall(SYS_rename, from, to); }));
}
int unlink(const char* path) noexcept {
  return static_cast<int>(
      around(phase_of(change::remove, path), [&] { return ::syscall(SYS_unlink, path); }));
}
int remove(const char* path) noexcept {
  const int done = unlink(path);
  return done == -1 && errno == EISDIR ? static_cast<int>(::syscall(SYS_rmdir, path)) : done;
}
int unlinkat(int directory, const char* path, int flags) noexcept {
  const auto real = [&] { return ::syscall(SYS_unlinkat, directory, path, flags); };
  const std::string whole = path[0] == '/' ? path : path_of(directory) + "/" + path;
  return static_cast<int>(around(phase_of(change::remove, whole), real));
}

}  // extern "C"
