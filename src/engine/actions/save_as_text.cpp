// save_as_text_file: part-NNNNN files of one row a line, and _SUCCESS when all are there.
#include <array>
#include <cstdio>
#include <exception>
#include <utility>

#include "engine/actions/drain.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

std::string part_name(int partition) {
  std::array<char, 32> name;
  const int n = std::snprintf(name.data(), name.size(), "part-%05d", partition);
  return {name.data(), static_cast<std::size_t>(n)};
}

/// Lines, gathered into large writes.
class line_writer {
 public:
  line_writer(output_file& file, const row_type& rows, task_context& task)
      : file_(file), rows_(rows), task_(task) {}
  static flow push(void* self, const chunk& rows) {
    auto& me = *static_cast<line_writer*>(self);
    try {
      me.add(rows);
    } catch (...) {  // here, not in the operation before
      me.task_.failed_in("save_as_text_file", -1);
      throw;
    }
    return flow::more;
  }
  void flush() {
    file_.write(text_);
    text_.clear();
  }

 private:
  void add(const chunk& rows) {
    for (std::uint32_t i = 0; i < rows.count; ++i) {
      print_row(rows_, static_cast<const char*>(rows.rows) + std::size_t{i} * rows_.size, text_);
      text_ += '\n';
      if (text_.size() >= 64 * 1024) flush();
    }
  }

  output_file& file_;
  const row_type& rows_;
  task_context& task_;
  std::string text_;
};

/// Removes what was written when something went wrong. Throws `why`; where removing fails too, an
/// error that says so with `why` nested.
[[noreturn]] void clean_up(file_system& files, const std::string& path, std::exception_ptr why) {
  std::string failed;
  try {
    files.remove_tree(path);
  } catch (const std::exception& e) {
    failed = e.what();
  }
  try {
    std::rethrow_exception(why);
  } catch (...) {
    if (failed.empty()) throw;
    std::throw_with_nested(
        error("save_as_text_file failed, and what was written could not be removed: " + failed));
  }
}

}  // namespace

void save_as_text(const node_ptr& dataset, const std::string& path, bool overwrite) {
  file_system& files = file_system_for(path);
  if (files.exists(path)) {
    if (!overwrite)
      throw usage_error(
          "save_as_text_file: the output directory exists already, remove it or choose "
          "another: " +
          path);
    files.remove_tree(path);
  }
  // Parts are written aside and moved when whole: a reader never sees half a part.
  const std::string aside = path + "/_temporary";
  files.make_directories(aside);
  try {
    run_job({dataset, all_partitions(*dataset), "save_as_text_file",
             [&](task_context& task, int partition) -> task_result {
               const std::string name = part_name(partition);
               const std::string temporary =
                   aside + "/" + name + "." + std::to_string(task.attempt());
               auto file = files.create(temporary);
               line_writer lines(*file, dataset->rows(), task);
               drain(task, *dataset, partition, {&lines, line_writer::push});
               if (task.cancelled()) return nullptr;
               lines.flush();
               file->sync();
               file->close();
               files.rename(temporary, path + "/" + name);
               return nullptr;
             }});
    files.remove_tree(aside);
    auto success = files.create(path + "/_SUCCESS");
    success->sync();
    success->close();
    files.sync_directory(path);
  } catch (...) {
    clean_up(files, path, std::current_exception());
  }
}

}  // namespace millrace::detail
