// Files of committed batches that are put together with those of later ones before anybody sees
// them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "millrace/detail/file/part_files.hpp"
#include "millrace/detail/storage/file_system.hpp"

namespace millrace::detail {

/// A partition's rows of one batch, on the disk.
struct held_file {
  std::int64_t batch = 0;
  int partition = 0;
  std::uint64_t header = 0;  // bytes at its front that files have once
  std::uint64_t bytes = 0;   // all of it
  std::string place;         // below the sink's directory
  std::string name;          // that it would have alone
};

/// Whether what is held, the oldest first, is to be seen now that the batch of `now` is done.
bool is_due(const std::vector<held_file>& held, std::int64_t now,
            const file::writing_options& options);

/// Puts the files of each partition together, in their order, into files in the directory `aside`;
/// a further one is begun where one has roll_bytes. On the disk when it returns. Their names are
/// those of the first file in each.
written_files joined(file_system& files, const std::string& directory, const std::string& aside,
                     std::vector<held_file> held, const file::writing_options& options);

}  // namespace millrace::detail
