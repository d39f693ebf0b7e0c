// Parts of files, each a partition.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/detail/storage/file_system.hpp"

namespace millrace::detail {

struct file_split {
  std::string path;
  std::uint64_t begin;
  std::uint64_t end;
};

/// Appends a file in parts of `goal` bytes; the last may be a tenth larger (Hadoop's rule). An
/// empty file is one part.
inline void split_file(const file_info& file, std::uint64_t goal, std::vector<file_split>& splits) {
  std::uint64_t at = 0;
  while (file.size - at > goal + goal / 10) {
    splits.push_back({file.path, at, at + goal});
    at += goal;
  }
  splits.push_back({file.path, at, file.size});
}

inline std::vector<file_split> split_files(const std::vector<file_info>& files,
                                           std::uint64_t goal) {
  std::vector<file_split> splits;
  for (const auto& f : files) split_file(f, goal, splits);
  return splits;
}

}  // namespace millrace::detail
