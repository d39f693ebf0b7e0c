#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

[[noreturn]] void fail(const char* operation, std::string_view path, int code) {
  throw_system_error(std::string{operation} + " failed (" + std::generic_category().message(code) +
                         "): \"" + std::string{path} + "\"",
                     code);
}

/// Repeats a system call that a signal interrupted.
template <class Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

/// The path less `file:`, as Hadoop writes it (file:/a, file:///a) and as it should be
/// (file://localhost/a).
std::string local_path(std::string_view path) {
  constexpr std::string_view scheme = "file:";
  std::string_view rest = path;
  if (rest.starts_with(scheme)) {
    rest.remove_prefix(scheme.size());
    if (rest.starts_with("//")) {
      rest.remove_prefix(2);
      constexpr std::string_view host = "localhost";
      if (rest.starts_with(host)) rest.remove_prefix(host.size());
      if (!rest.starts_with('/')) {
        throw usage_error{"a file: path is absolute and without a host, like file:///tmp/x: \"" +
                          std::string{path} + "\""};
      }
    }
  }
  if (rest.empty()) throw usage_error{"a path is empty: \"" + std::string{path} + "\""};
  if (rest.find('\0') != std::string_view::npos) {
    throw usage_error{"a path holds a zero byte: \"" +
                      std::string{path.substr(0, path.find('\0'))} + "\""};
  }
  return std::string{rest};
}

class descriptor {
 public:
  explicit descriptor(int number) : number_{number} {}
  descriptor(descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (number_ != -1) ::close(number_);
  }

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

class local_input_file final : public input_file {
 public:
  local_input_file(std::string path, descriptor file, std::uint64_t size)
      : path_{std::move(path)}, file_{std::move(file)}, size_{size} {}

  [[nodiscard]] std::size_t read_at(std::uint64_t offset, void* to, std::size_t count) override {
    std::size_t done = 0;
    while (done < count) {
      const ::ssize_t got = uninterrupted([&] {
        return ::pread(file_.number(), static_cast<char*>(to) + done, count - done,
                       static_cast<::off_t>(offset + done));
      });
      if (got == -1) {
        const int code = errno;
        fail(("reading at offset " + std::to_string(offset + done)).c_str(), path_, code);
      }
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] const std::string& path() const override { return path_; }

 private:
  std::string path_;
  descriptor file_;
  std::uint64_t size_;
};

class local_output_file final : public output_file {
 public:
  local_output_file(std::string path, descriptor file)
      : path_{std::move(path)}, file_{std::move(file)} {}

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ::ssize_t written =
          uninterrupted([&] { return ::write(file_.number(), bytes.data(), bytes.size()); });
      if (written == -1) fail("writing", path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void sync() override {
    // Never again after a failure: the kernel may have dropped the pages and would say yes.
    if (failed_sync_ != 0) fail("syncing", path_, failed_sync_);
    if (uninterrupted([&] { return ::fsync(file_.number()); }) == -1) {
      failed_sync_ = errno;
      fail("syncing", path_, failed_sync_);
    }
  }

  void close() override {
    // On Linux the descriptor is gone whatever close returns, EINTR included.
    if (::close(file_.release()) == -1 && errno != EINTR) fail("closing", path_, errno);
  }

 private:
  std::string path_;
  descriptor file_;
  int failed_sync_ = 0;
};

class local_lock final : public file_lock {
 public:
  explicit local_lock(descriptor file) : file_{std::move(file)} {}

 private:
  descriptor file_;
};

bool hidden(std::string_view path) {
  const auto slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return name.starts_with('.') || name.starts_with('_');
}

/// None: nothing is there.
std::optional<struct stat> status_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) return status;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  fail("looking at the file", path, errno);
}

file_info info_of(std::string path, const struct stat& status) {
  using namespace std::chrono;
  const auto modified = seconds{status.st_mtim.tv_sec} + nanoseconds{status.st_mtim.tv_nsec};
  return {.path = std::move(path),
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified = time_point_ms{floor<milliseconds>(modified)},
          .device = status.st_dev,
          .inode = status.st_ino};
}

void list_directory(const std::string& path, std::vector<file_info>& files) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir(path.c_str()), &::closedir};
  if (!directory) fail("listing the directory", path, errno);
  const std::size_t before = files.size();
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(directory.get());
    if (entry == nullptr) {
      if (errno != 0) fail("listing the directory", path, errno);
      break;
    }
    if (hidden(entry->d_name)) continue;
    std::string child = path;
    if (!child.ends_with('/')) child += '/';
    child += entry->d_name;
    const auto status = status_of(child);
    if (!status) {
      struct stat link{};
      // A file that was removed since is none; a link that leads nowhere is a mistake.
      if (::lstat(child.c_str(), &link) == 0) fail("following the link", child, ENOENT);
      continue;
    }
    if (S_ISREG(status->st_mode)) files.push_back(info_of(std::move(child), *status));
  }
  std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end(),
            [](const file_info& a, const file_info& b) { return a.path < b.path; });
}

/// Cuts at commas that are neither in braces nor escaped.
std::vector<std::string> split_at_commas(std::string_view patterns) {
  std::vector<std::string> parts(1);
  int braces = 0;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const char c = patterns[i];
    if (c == ',' && braces == 0) {
      parts.emplace_back();
      continue;
    }
    if (c == '{') ++braces;
    if (c == '}' && braces > 0) --braces;
    parts.back() += c;
    if (c == '\\' && i + 1 < patterns.size()) parts.back() += patterns[++i];
  }
  return parts;
}

/// `glob` tells its caller's callback alone what failed, and the callback has no argument of ours.
thread_local std::pair<std::string, int> glob_failure;

std::vector<std::string> matches_of(const std::string& pattern) {
  ::glob_t found{};
  const std::unique_ptr<::glob_t, void (*)(::glob_t*)> release{&found, &::globfree};
  glob_failure = {};
  const int result = ::glob(
      pattern.c_str(), GLOB_BRACE | GLOB_NOSORT,
      [](const char* path, int code) {
        // A pattern that goes on below a file, as in a*/b, has no match there.
        if (code == ENOTDIR || code == ENOENT) return 0;
        glob_failure = {path, code};
        return 1;
      },
      &found);
  if (result == GLOB_NOMATCH) return {};
  if (result == GLOB_NOSPACE) throw std::bad_alloc{};
  if (result != 0) fail("listing the directory", glob_failure.first, glob_failure.second);
  std::vector<std::string> paths{found.gl_pathv, found.gl_pathv + found.gl_pathc};
  std::sort(paths.begin(), paths.end());  // glob's own order depends on the locale
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

/// False: it is neither a file nor a directory.
bool append(std::string path, const struct stat& status, std::vector<file_info>& files) {
  if (S_ISDIR(status.st_mode)) {
    list_directory(path, files);
    return true;
  }
  if (!S_ISREG(status.st_mode)) return false;
  files.push_back(info_of(std::move(path), status));
  return true;
}

void list_one(const std::string& pattern, std::vector<file_info>& files) {
  const std::string path = local_path(pattern);
  if (const auto status = status_of(path)) {
    if (append(path, *status, files)) return;
    throw usage_error{"the input is neither a file nor a directory: \"" + path + "\""};
  }
  bool found = false;
  for (std::string& match : matches_of(path)) {
    if (hidden(match)) continue;
    const auto status = status_of(match);
    if (status && append(std::move(match), *status, files)) found = true;
  }
  if (!found) throw usage_error{"Input path does not exist: " + path};
}

class local final : public file_system {
 public:
  [[nodiscard]] std::vector<file_info> list(std::string_view pattern) override {
    std::vector<file_info> files;
    const std::string whole = local_path(pattern);
    if (const auto status = status_of(whole)) {  // also one with a comma in its name
      list_one(std::string{pattern}, files);
    } else {
      for (const std::string& part : split_at_commas(pattern)) list_one(part, files);
    }
    return files;
  }

  [[nodiscard]] std::unique_ptr<input_file> open_read(std::string_view name) override {
    std::string path = local_path(name);
    // Not blocking, for a pipe without a writer would block here.
    descriptor file{
        uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); })};
    if (file.number() == -1) {
      if (errno == ENOENT) throw usage_error{"Input path does not exist: " + path};
      fail("opening", path, errno);
    }
    struct stat status{};
    if (::fstat(file.number(), &status) == -1) fail("looking at the file", path, errno);
    if (!S_ISREG(status.st_mode)) {
      throw usage_error{"the input is not a regular file: \"" + path + "\""};
    }
    // Advice only: where it is refused, reading is as right as before.
    (void)::posix_fadvise(file.number(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return std::make_unique<local_input_file>(std::move(path), std::move(file),
                                              static_cast<std::uint64_t>(status.st_size));
  }

  [[nodiscard]] std::unique_ptr<output_file> create(std::string_view name) override {
    return create(name, O_TRUNC);
  }
  [[nodiscard]] std::unique_ptr<output_file> create_new(std::string_view name) override {
    return create(name, O_EXCL);
  }

  void rename(std::string_view from, std::string_view to) override {
    const std::string source = local_path(from);
    const std::string target = local_path(to);
    if (uninterrupted([&] { return ::rename(source.c_str(), target.c_str()); }) == -1) {
      const int code = errno;
      fail("renaming", source + "\" to \"" + target, code);
    }
  }

  void make_directories(std::string_view name) override {
    const std::string path = local_path(name);
    std::error_code code;
    std::filesystem::create_directories(path, code);
    if (code) fail("making the directory", path, code.value());
  }

  [[nodiscard]] bool exists(std::string_view name) override {
    return status_of(local_path(name)).has_value();
  }

  void remove_tree(std::string_view name) override {
    const std::string path = local_path(name);
    std::error_code code;
    std::filesystem::remove_all(path, code);
    if (code) fail("removing", path, code.value());
  }

  void sync_directory(std::string_view name) override {
    const std::string path = local_path(name);
    const descriptor directory{
        uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); })};
    if (directory.number() == -1) fail("opening the directory", path, errno);
    if (uninterrupted([&] { return ::fsync(directory.number()); }) == -1) {
      fail("syncing the directory", path, errno);
    }
  }

  [[nodiscard]] std::unique_ptr<file_lock> lock(std::string_view name) override {
    const std::string path = local_path(name);
    descriptor file{
        uninterrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666); })};
    if (file.number() == -1) fail("opening", path, errno);
    if (uninterrupted([&] { return ::flock(file.number(), LOCK_EX | LOCK_NB); }) == -1) {
      if (errno == EWOULDBLOCK) return nullptr;
      fail("locking", path, errno);
    }
    return std::make_unique<local_lock>(std::move(file));
  }

 private:
  static std::unique_ptr<output_file> create(std::string_view name, int how) {
    std::string path = local_path(name);
    descriptor file{uninterrupted(
        [&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | how, 0666); })};
    if (file.number() == -1) fail("creating", path, errno);
    return std::make_unique<local_output_file>(std::move(path), std::move(file));
  }
};

}  // namespace

file_system& local_file_system() {
  static local* const only = new local;  // never destroyed: threads may outlive main
  return *only;
}

}  // namespace millrace::detail
