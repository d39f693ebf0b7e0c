#pragma once

#include <memory>
#include <string_view>

#include "millrace/detail/dataset/kernel.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

/// A kernel at work on what another cursor gives.
class narrow_cursor final : public cursor {
 public:
  narrow_cursor(std::unique_ptr<cursor> from, const kernel& k, const row_type& rows,
                std::string_view operation, task_context& task);
  flow step(const sink& to) override;

 private:
  static flow push(void* self, const chunk& rows);

  std::unique_ptr<cursor> from_;
  kernel_loop run_;
  std::string_view operation_;
  task_context& task_;
  aligned_memory buffer_;
  step_state state_;
};

}  // namespace millrace::detail
