#include "dataset/operations/chosen_rows.hpp"

#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

namespace {

class chosen_cursor final : public cursor {
 public:
  chosen_cursor(std::unique_ptr<cursor> from, std::unique_ptr<row_chooser> chooser,
                const row_type& rows, std::string_view operation, task_context& task)
      : from_(std::move(from)),
        chooser_(std::move(chooser)),
        rows_(rows),
        operation_(operation),
        task_(task),
        out_(rows) {}

  flow step(const sink& to) override {
    to_ = &to;
    return from_->step({this, [](void* self, const chunk& rows) {
                          return static_cast<chosen_cursor*>(self)->choose(rows);
                        }});
  }

 private:
  flow choose(const chunk& rows) {
    try {
      chooser_->choose(rows, times_);
    } catch (...) {  // the key's own operator< or hash
      task_.failed_in(operation_, -1);
      throw;
    }
    for (std::uint32_t i = 0; i < rows.count;) {
      if (times_[i] == 0) {
        ++i;
      } else if (times_[i] == 1) {
        std::uint32_t end = i + 1;
        while (end < rows.count && times_[end] == 1) ++end;
        if (put(rows, i, end - i) == flow::enough) return flow::enough;
        i = end;
      } else {
        for (std::uint32_t n = times_[i]; n != 0; --n)
          if (put(rows, i, 1) == flow::enough) return flow::enough;
        ++i;
      }
    }
    return flush();
  }
  flow put(const chunk& rows, std::uint32_t first, std::uint32_t n) {
    if (out_.size() + n > chunk_capacity && flush() == flow::enough) return flow::enough;
    // Views stay: the producer holds their text until its push returns.
    copy_rows(rows_, out_.extend(n), static_cast<const char*>(rows.rows) + first * rows_.size, n);
    out_.added(n);
    return flow::more;
  }
  flow flush() {
    if (out_.empty()) return flow::more;
    const flow answer = (*to_)({out_.data(), static_cast<std::uint32_t>(out_.size()), true});
    out_.clear();
    return answer;
  }

  std::unique_ptr<cursor> from_;
  std::unique_ptr<row_chooser> chooser_;
  const row_type& rows_;
  std::string_view operation_;
  task_context& task_;
  row_buffer out_;
  const sink* to_ = nullptr;
  std::uint32_t times_[chunk_capacity];
};

}  // namespace

std::unique_ptr<cursor> chosen_node::open(int partition, task_context& task) const {
  return std::make_unique<chosen_cursor>(task.open(*parents()[0], parent_partition(partition)),
                                         chooser(partition), rows(), operation(), task);
}

}  // namespace millrace::detail
