#include "file_sink.hpp"

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "known_name.hpp"
#include "millrace/sink.hpp"

namespace millrace::python {

namespace {

struct line_sink {
  line_files files;
  std::shared_ptr<detail::file_output_state> state = detail::new_file_output();

  detail::written_files prepare(const output_id& id, partition_rows<std::string_view>& rows) const {
    detail::file_format format;
    format.extension = known_name(files.extension);
    format.header = files.header;
    format.print = [](const void*, const void* row, std::string& out) {
      (out += *static_cast<const std::string_view*>(row)) += '\n';
    };
    return detail::write_part(output(), id, std::move(format), rows);
  }
  bool committed(const output_id& batch) const { return detail::files_committed(output(), batch); }
  void commit(const output_id& batch, const std::vector<detail::written_files>& written) const {
    detail::commit_files(output(), batch, written);
  }
  void ended(const output_id& last) const { detail::show_held_files(output(), last); }

 private:
  detail::file_output output() const { return {files.directory, files.write, state}; }
};

}  // namespace

void write_lines(const detail::stream_ptr& lines, line_files to) {
  detail::write_stream<std::string_view>(lines, line_sink{std::move(to)});
}

}  // namespace millrace::python
