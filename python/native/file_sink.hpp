// Files of lines, exactly once, for Python streams.
#pragma once

#include <string>

#include "millrace/detail/streaming/stream_node.hpp"
#include "millrace/file.hpp"

namespace millrace::python {

struct line_files {
  std::string directory;
  std::string extension;  // ".json"
  std::string header;     // what each file begins with
  file::writing_options write;
};

/// As `file::text`, of a stream of text.
void write_lines(const detail::stream_ptr& lines, line_files to);

}  // namespace millrace::python
