// parallelize: rows that the program gave.
#include <utility>

#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

namespace {
class rows_node final : public node {
 public:
  rows_node(context_ptr context, const row_type& rows, std::vector<row_buffer_ptr> slices)
      : node({std::move(context),
              &rows,
              "parallelize",
              static_cast<int>(slices.size()),
              {},
              {},
              nullptr}),
        slices_(std::move(slices)) {}
  std::unique_ptr<cursor> open(int partition, task_context&) const override {
    return read_rows(slices_[static_cast<std::size_t>(partition)]);
  }

 private:
  std::vector<row_buffer_ptr> slices_;
};
}  // namespace

node_ptr from_rows(context_ptr context, const row_type& rows, std::vector<row_buffer_ptr> slices) {
  return std::make_shared<rows_node>(std::move(context), rows, std::move(slices));
}

}  // namespace millrace::detail
