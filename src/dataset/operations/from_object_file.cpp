// object_file: the rows of framed files, a file a partition.
#include <utility>

#include "dataset/row_file.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

namespace {

class row_files_node final : public node {
 public:
  row_files_node(context_ptr context, const row_type& rows, std::string_view operation,
                 std::vector<std::string> paths)
      : node({std::move(context),
              &rows,
              operation,
              static_cast<int>(paths.size()),
              {},
              {},
              nullptr}),
        paths_(std::move(paths)) {}
  std::unique_ptr<cursor> open(int partition, task_context&) const override {
    const std::string& path = paths_[static_cast<std::size_t>(partition)];
    return read_row_file(file_system_for(path).open_read(path), rows());
  }

 private:
  std::vector<std::string> paths_;
};

}  // namespace

node_ptr from_row_files(context_ptr context, const row_type& rows, std::string_view operation,
                        std::vector<std::string> paths) {
  return std::make_shared<row_files_node>(std::move(context), rows, operation, std::move(paths));
}

node_ptr from_object_file(context_ptr context, const row_type& rows, const std::string& path) {
  std::vector<std::string> paths;
  for (auto& file : file_system_for(path).list(path)) paths.push_back(std::move(file.path));
  return from_row_files(std::move(context), rows, "object_file", std::move(paths));
}

}  // namespace millrace::detail
