// Which files of a directory a stream reads.
#pragma once

#include <functional>
#include <string>

#include "millrace/detail/streaming/directory.hpp"

namespace millrace {

struct file_stream_options {
  /// Files for which it returns true are read; by default all.
  std::function<bool(const std::string& path)> filter{};
  /// Else what is there at `start` belongs to the first batch.
  bool new_files_only = true;
  /// Whether the directories below are looked into too.
  bool recursive = false;
};

namespace detail {

directory_options directory_of(std::string directory, file_stream_options options);

}  // namespace detail
}  // namespace millrace
