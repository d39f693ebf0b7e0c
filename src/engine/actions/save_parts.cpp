#include "engine/actions/save_parts.hpp"

#include <array>
#include <cstdio>
#include <exception>

#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

std::string part_name(int partition) {
  std::array<char, 32> name;
  const int n = std::snprintf(name.data(), name.size(), "part-%05d", partition);
  return {name.data(), static_cast<std::size_t>(n)};
}

namespace {

/// Removes what was written when something went wrong. Throws `why`; where removing fails too, an
/// error that says so with `why` nested.
[[noreturn]] void clean_up(file_system& files, const parts_target& to, std::exception_ptr why) {
  std::string failed;
  try {
    files.remove_tree(to.path);
  } catch (const std::exception& e) {
    failed = e.what();
  }
  try {
    std::rethrow_exception(why);
  } catch (...) {
    if (failed.empty()) throw;
    std::throw_with_nested(error(std::string(to.action) +
                                 " failed, and what was written could not be removed: " + failed));
  }
}

}  // namespace

void save_parts(
    const node_ptr& dataset, const parts_target& to,
    const std::function<void(task_context& task, int partition, output_file& file)>& write) {
  const std::string& path = to.path;
  file_system& files = file_system_for(path);
  if (files.exists(path)) {
    if (!to.overwrite)
      throw usage_error(
          std::string(to.action) +
          ": the output directory exists already, remove it or choose another: " + path);
    files.remove_tree(path);
  }
  // Parts are written aside and moved when whole: a reader never sees half a part.
  const std::string aside = path + "/_temporary";
  files.make_directories(aside);
  try {
    run_job({dataset, all_partitions(*dataset), to.action,
             [&](task_context& task, int partition) -> task_result {
               const std::string name = part_name(partition);
               const std::string temporary =
                   aside + "/" + name + "." + std::to_string(task.attempt());
               const auto file = compressed(files.create(temporary), to.codec);
               write(task, partition, *file);
               if (task.cancelled()) return nullptr;
               file->sync();
               file->close();
               files.rename(temporary, path + "/" + name + std::string(extension_of(to.codec)));
               return nullptr;
             }});
    files.remove_tree(aside);
    const auto success = files.create(path + "/_SUCCESS");
    success->sync();
    success->close();
    files.sync_directory(path);
  } catch (...) {
    clean_up(files, to, std::current_exception());
  }
}

}  // namespace millrace::detail
