// save_as_text_file: one row a line.
#include "engine/actions/drain.hpp"
#include "engine/actions/save_parts.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

namespace {

constexpr std::string_view action = "save_as_text_file";

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
      me.task_.failed_in(action, -1);
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

}  // namespace

void save_as_text(const node_ptr& dataset, const std::string& path, bool overwrite,
                  std::string_view codec) {
  save_parts(dataset, {action, path, overwrite, compression_named(codec)},
             [&](task_context& task, int partition, output_file& file) {
               line_writer lines(file, dataset->rows(), task);
               drain(task, *dataset, partition, {&lines, line_writer::push});
               lines.flush();
             });
}

}  // namespace millrace::detail
