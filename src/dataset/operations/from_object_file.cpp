// object_file: the rows of framed files, a file a partition.
#include <utility>

#include "dataset/row_file.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

namespace {

class object_file_node final : public node {
 public:
  object_file_node(context_ptr context, const row_type& rows, std::vector<file_info> files)
      : node({std::move(context),
              &rows,
              "object_file",
              static_cast<int>(files.size()),
              {},
              {},
              nullptr}),
        files_(std::move(files)) {}
  std::unique_ptr<cursor> open(int partition, task_context&) const override {
    const std::string& path = files_[static_cast<std::size_t>(partition)].path;
    return read_row_file(file_system_for(path).open_read(path), rows());
  }

 private:
  std::vector<file_info> files_;
};

}  // namespace

node_ptr from_object_file(context_ptr context, const row_type& rows, const std::string& path) {
  auto files = file_system_for(path).list(path);
  return std::make_shared<object_file_node>(std::move(context), rows, std::move(files));
}

}  // namespace millrace::detail
