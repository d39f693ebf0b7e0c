#pragma once

#include <memory>
#include <string_view>

#include "millrace/detail/dataset/kernel.hpp"
#include "millrace/detail/dataset/pace.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

/// A kernel at work on what another cursor gives. `paced`: in pieces, so that a slow function is
/// noticed; not needed where the cursor is another of this kind and gives as many rows as it gets.
class narrow_cursor final : public cursor {
 public:
  narrow_cursor(std::unique_ptr<cursor> from, const row_type& in, const kernel& k,
                const row_type& rows, std::string_view operation, task_context& task, bool paced);
  flow step(const sink& to) override;

 private:
  static flow push(void* self, const chunk& rows);
  flow run(const chunk& rows);

  std::unique_ptr<cursor> from_;
  kernel_loop run_;
  std::uint32_t row_size_;  // of the input
  std::string_view operation_;
  task_context& task_;
  aligned_memory buffer_;
  step_state state_;
  pace pace_;
  bool paced_;
};

}  // namespace millrace::detail
