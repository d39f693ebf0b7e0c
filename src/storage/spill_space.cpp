#include "storage/spill_space.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "millrace/detail/base/hash.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

// Few open files for much data, and yet the disk is soon given back.
constexpr std::uint64_t file_size = std::uint64_t{256} << 20;

[[noreturn]] void fail(std::string_view what, int code, const std::string& directory) {
  throw_system_error(std::string(what) + " the local directory failed (" +
                         std::generic_category().message(code) +
                         "); make room there, or set local.dir to another: \"" + directory + "\"",
                     code);
}

}  // namespace

class spill_space::file {
 public:
  explicit file(const std::string& directory) : directory_(directory) {
#ifdef O_TMPFILE
    descriptor_ = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (descriptor_ >= 0) return;
#endif
    // Not every file system has files that never had a name.
    std::string name = directory + "/millrace-XXXXXX";
    descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (descriptor_ < 0) fail("opening a file in", errno, directory);
    if (::unlink(name.c_str()) != 0) {
      const int code = errno;
      static_cast<void>(::close(descriptor_));
      fail("unlinking a file in", code, directory);
    }
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  ~file() { static_cast<void>(::close(descriptor_)); }  // what it held is not wanted any more

  void write(std::uint64_t offset, std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n =
          ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail("writing to", n < 0 ? errno : ENOSPC, directory_);
      bytes.remove_prefix(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
  }
  void read(std::uint64_t offset, char* to, std::size_t count) const {
    while (count != 0) {
      const ssize_t n = ::pread(descriptor_, to, count, static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail("reading from", n < 0 ? errno : EIO, directory_);
      to += n;
      count -= static_cast<std::size_t>(n);
      offset += static_cast<std::uint64_t>(n);
    }
  }
  const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
  int descriptor_ = -1;
};

std::string spill_space::directory_of(const settings& conf) {
  if (conf.is_set("local.dir")) return conf.text("local.dir");
  if (const char* set = std::getenv("TMPDIR"); set != nullptr && *set != '\0') return set;
  struct stat found{};
  return ::stat("/var/tmp", &found) == 0 && S_ISDIR(found.st_mode) ? "/var/tmp" : "/tmp";
}

spill_space::piece spill_space::write(std::string_view bytes) {
  piece to;
  to.length = bytes.size();
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<file> in = current_.lock();
    if (in == nullptr || next_ + bytes.size() > file_size) {
      local_file_system().make_directories(directory_);
      in = std::make_shared<file>(directory_);
      current_ = in;
      next_ = 0;
    }
    to.in = std::move(in);
    to.offset = next_;
    next_ += bytes.size();
  }
  to.checksum = checksum(bytes.data(), bytes.size(), to.offset);
  to.in->write(to.offset, bytes);
  return to;
}

void spill_space::read(const piece& from, char* to) {
  from.in->read(from.offset, to, from.length);
  if (checksum(to, from.length, from.offset) != from.checksum)
    throw error("what was spilled to disk is not what was written, look at the disk: \"" +
                from.in->directory() + "\", at offset " + std::to_string(from.offset));
}

}  // namespace millrace::detail
