// The disk as more memory: bytes that do not outlive the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "millrace/detail/base/settings.hpp"

namespace millrace::detail {

/// Files without names in one directory: whatever ends the process, or fills the disk, nothing is
/// left behind. Many pieces share a file, which is given back to the disk when the last of its
/// pieces is gone. Any thread.
class spill_space {
 public:
  /// Nothing is opened before the first write.
  explicit spill_space(std::string directory) : directory_(std::move(directory)) {}
  spill_space(const spill_space&) = delete;
  spill_space& operator=(const spill_space&) = delete;

  /// The setting `local.dir`; unset: TMPDIR of the environment, else /var/tmp (/tmp is often
  /// memory).
  [[nodiscard]] static std::string directory_of(const settings& conf);

  class file;
  /// Some bytes on disk, until this and its copies are destroyed.
  struct piece {
    std::shared_ptr<const file> in;
    std::uint64_t offset = 0;
    std::uint64_t checksum = 0;
    std::size_t length = 0;
  };
  /// Throws `error` with the directory and the system's words, as when the disk is full.
  [[nodiscard]] piece write(std::string_view bytes);
  /// Reads the whole piece to `to`. Throws `error` where it cannot be read, or is not what was
  /// written.
  static void read(const piece& from, char* to);

 private:
  std::string directory_;
  std::mutex mutex_;
  std::weak_ptr<file> current_;  // held by its pieces alone
  std::uint64_t next_ = 0;
};

}  // namespace millrace::detail
