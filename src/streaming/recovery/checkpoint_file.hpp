// One checkpoint as a file.
#pragma once

#include <string>

#include "millrace/detail/storage/file_system.hpp"
#include "streaming/recovery/checkpoint.hpp"

namespace millrace::detail {

/// Throws `error` with path and offset where the file is not what `write_checkpoint` wrote.
checkpoint read_checkpoint(file_system& files, const std::string& path);

/// Under another name first, then renamed; on the disk when it returns.
void write_checkpoint(file_system& files, const std::string& directory, const std::string& path,
                      const checkpoint& one);

}  // namespace millrace::detail
