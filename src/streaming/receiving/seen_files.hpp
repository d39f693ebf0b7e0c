// Which files a directory's stream has had.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "millrace/detail/storage/file_system.hpp"

namespace millrace::detail {

/// A file is known by what stays the same when it is renamed (device and inode), else by its path.
/// Not thread-safe.
class seen_files {
 public:
  /// `forget_after`: how long a file must be gone to be forgotten.
  explicit seen_files(std::chrono::milliseconds forget_after) : forget_after_(forget_after) {}

  struct news {
    std::vector<file_info> fresh;      // never seen, in the order of the listing
    std::vector<std::string> changed;  // seen, and then written to: said once a change
  };
  /// A listing at `now`. Empty files are left for later: they may be about to be written.
  news look(std::vector<file_info> listing, time_point_ms now);

  std::size_t size() const { return seen_.size(); }

  /// A file that was seen, as it is written down.
  struct entry {
    std::string path;
    std::uint64_t size;
    time_point_ms modified;
    time_point_ms last;  // in a listing
  };
  using record = std::pair<std::string, entry>;  // by identity
  std::vector<record> all() const { return {seen_.begin(), seen_.end()}; }
  void add(std::vector<record> seen);
  void add(const file_info& file, time_point_ms now);

 private:
  std::chrono::milliseconds forget_after_;
  time_point_ms swept_{};
  std::unordered_map<std::string, entry> seen_;
};

}  // namespace millrace::detail
