// Files that appear in a directory.
#pragma once

#include <memory>
#include <string>

#include "millrace/bad_record.hpp"
#include "millrace/detail/dataset/kernel.hpp"
#include "millrace/detail/streaming/stream_node.hpp"

namespace millrace::detail {

struct directory_options {
  std::string directory;
  bool new_files_only = true;
  bool recursive = false;
  bool may_be_missing = false;  // it may come later; else a stream without it fails
  function_state filter{};
  bool (*wanted)(const void* filter, const std::string& path) = nullptr;  // null: all
  /// Of whoever reads the files.
  on_bad_record bad_records = on_bad_record::fail;
};

/// What becomes of a file: a dataset, made when its batch is.
struct file_reading {
  const row_type* rows;
  std::string_view operation;  // a literal
  function_state function{};
  node_ptr (*read)(const void* function, const context_ptr& context, const std::string& path);
};

/// Each batch the union of the datasets of files that no batch had.
stream_ptr directory_stream(const stream_engine_ptr& engine, directory_options o, file_reading f);

/// Lines; the path as one std::string; records of `length` bytes.
stream_ptr text_directory(const stream_engine_ptr& engine, directory_options o);
stream_ptr path_directory(const stream_engine_ptr& engine, directory_options o);
stream_ptr record_directory(const stream_engine_ptr& engine, directory_options o,
                            std::int64_t length);

}  // namespace millrace::detail
