#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/base/clock.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

/// There is no room (ENOSPC), or no more is allowed (EDQUOT): it may go well later. What a file
/// holds that could not be written or synced is not known.
class full_disk final : public error {
 public:
  using error::error;
};
/// Whether it is one, or was caused by one.
[[nodiscard]] bool is_full_disk(const std::exception_ptr& failure) noexcept;
/// Throws `error`, or `full_disk` where the system's number says so.
[[noreturn]] void throw_system_error(const std::string& text, int number);

struct file_info {
  std::string path;
  std::uint64_t size = 0;  ///< bytes
  time_point_ms modified{};
  /// What stays the same when a local file is renamed; zero where the file system has no such
  /// thing.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

/// An open file. `read_at` may be called by several threads at once. Closed when destroyed.
class input_file {
 public:
  virtual ~input_file();

  /// Reads `count` bytes from `offset` on; fewer only where the file ends.
  [[nodiscard]] virtual std::size_t read_at(std::uint64_t offset, void* to, std::size_t count) = 0;
  /// Bytes, when the file was opened.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  [[nodiscard]] virtual const std::string& path() const = 0;
};

/// A file that is being written, by one thread. Destroyed without `close` it is abandoned: what it
/// holds then is not promised.
class output_file {
 public:
  virtual ~output_file();

  /// Appends all of `bytes`. Not buffered: hand over many lines at once.
  virtual void write(std::string_view bytes) = 0;
  /// Returns when the content would survive a power cut; its name needs `sync_directory`.
  virtual void sync() = 0;
  /// An error of a write that was delayed shows here. Nothing else may be called after it.
  virtual void close() = 0;
};

/// Held until it is destroyed, or the process ends however it ends.
class file_lock {
 public:
  virtual ~file_lock();
};

/// The port to a file system. Any thread may call any member. Every failure throws: `error` with
/// the operation, the path and the system's words, `full_disk` if that is what it was, or
/// `usage_error` where said.
class file_system {
 public:
  virtual ~file_system();

  /// The files that `pattern` names: a path, a directory (its direct children that are files), a
  /// glob (`* ? [a-z] {a,b}`, backslash escapes) of those, or several of them with commas in
  /// between. Sorted by name within each. Names that begin with `.` or `_` are skipped, as Hadoop
  /// does, unless spelled out. A directory may hold none; a path or a glob without a match is a
  /// `usage_error`: "Input path does not exist: …".
  [[nodiscard]] virtual std::vector<file_info> list(std::string_view pattern) = 0;

  /// A file that does not exist is a `usage_error`.
  [[nodiscard]] virtual std::unique_ptr<input_file> open_read(std::string_view path) = 0;
  /// Creates the file, or empties the one that is there. Its directory must exist.
  [[nodiscard]] virtual std::unique_ptr<output_file> create(std::string_view path) = 0;
  /// The same where no file is there; one that is, is an `error` and stays as it is.
  [[nodiscard]] virtual std::unique_ptr<output_file> create_new(std::string_view path) = 0;

  /// Atomic; replaces a file at `to`, or an empty directory.
  virtual void rename(std::string_view from, std::string_view to) = 0;
  /// With all its parents. What is there already is fine.
  virtual void make_directories(std::string_view path) = 0;
  [[nodiscard]] virtual bool exists(std::string_view path) = 0;
  /// A file, or a directory with all that is in it (links are removed, not followed). What is not
  /// there is fine.
  virtual void remove_tree(std::string_view path) = 0;
  /// Returns when the names in the directory would survive a power cut.
  virtual void sync_directory(std::string_view path) = 0;
  /// Takes the lock that the file stands for, making the file where it is missing. Null: somebody
  /// has it, this process included.
  [[nodiscard]] virtual std::unique_ptr<file_lock> lock(std::string_view path) = 0;
};

/// Accepts plain paths and `file:` ones. Lives for ever.
[[nodiscard]] file_system& local_file_system();

/// The file system a path belongs to, by its scheme. `usage_error`: the scheme is unknown, or its
/// file system is not linked (the target to link is named).
[[nodiscard]] file_system& file_system_for(std::string_view path);

}  // namespace millrace::detail
