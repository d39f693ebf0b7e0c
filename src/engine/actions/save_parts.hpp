// What all actions that save have in common.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "millrace/detail/dataset/node.hpp"
#include "storage/compression.hpp"

namespace millrace::detail {

struct parts_target {
  std::string_view action;  // for errors: "save_as_text_file"
  std::string path;         // the directory that is made
  bool overwrite = false;   // what is there already
  compression codec = compression::none;
};

/// A new directory with a part-NNNNN file for each partition, and _SUCCESS when all are there.
/// `write` fills one file, in a task; it is synced and moved to its name after that. Removes the
/// directory when the job fails.
void save_parts(
    const node_ptr& dataset, const parts_target& to,
    const std::function<void(task_context& task, int partition, output_file& file)>& write);

/// "part-00007"
std::string part_name(int partition);

}  // namespace millrace::detail
