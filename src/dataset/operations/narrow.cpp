// map, filter, flat_map and all that works on one chunk at a time.
#include <utility>

#include "dataset/operations/narrow_cursor.hpp"
#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

narrow_cursor::narrow_cursor(std::unique_ptr<cursor> from, const row_type& in, const kernel& k,
                             const row_type& rows, std::string_view operation, task_context& task,
                             bool paced)
    : from_(std::move(from)),
      run_(k.run),
      row_size_(in.size),
      operation_(operation),
      task_(task),
      paced_(paced) {
  buffer_ = allocate_aligned(std::size_t{chunk_capacity} * rows.size);
  state_.function = k.function.get();
  state_.buffer = buffer_.get();
}

flow narrow_cursor::step(const sink& to) {
  state_.to = to;
  return from_->step({this, push});
}

flow narrow_cursor::push(void* self, const chunk& rows) {
  auto& me = *static_cast<narrow_cursor*>(self);
  if (me.paced_)
    return me.pace_.run(rows, me.row_size_, me.task_,
                        [&me](const chunk& piece) { return me.run(piece); });
  return me.task_.cancelled() ? flow::enough : me.run(rows);
}

flow narrow_cursor::run(const chunk& rows) {
  const activity_scope doing(task_, operation_, state_.rows_before);
  try {
    const flow answer = run_(state_, rows);
    state_.rows_before += rows.count;
    return answer;
  } catch (...) {
    if (state_.failed_row >= 0) task_.failed_in(operation_, state_.failed_row);
    throw;
  }
}

namespace {
class narrow_node final : public node {
 public:
  narrow_node(facts f, kernel k) : node(std::move(f)), kernel_(std::move(k)) {}
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    const node& parent = *parents()[0];
    return std::make_unique<narrow_cursor>(task.open(parent, partition), parent.rows(), kernel_,
                                           rows(), operation(), task, !feeds_row_by_row(parent));
  }

 private:
  /// Whether its cursor is a narrow one that gives at most a row for each it gets.
  static bool feeds_row_by_row(const node& parent) {
    return dynamic_cast<const narrow_node*>(&parent) != nullptr &&
           parent.kept() == storage_level::none && !parent.is_checkpointed() &&
           !parent.operation().starts_with("flat_map");
  }

  kernel kernel_;
};
}  // namespace

node_ptr narrow(const node_ptr& parent, const row_type& rows, std::string_view operation, kernel k,
                bool keeps_partitioner) {
  return std::make_shared<narrow_node>(node::facts{parent->context(),
                                                   &rows,
                                                   operation,
                                                   parent->partitions(),
                                                   {parent},
                                                   {},
                                                   keeps_partitioner ? parent->by_key() : nullptr},
                                       std::move(k));
}

node_ptr apply(const node_ptr& parent, const narrow_step& step) {
  switch (step.cut) {
    case narrow_step::text_cut::fields: return split_text(parent, step.delimiter);
    case narrow_step::text_cut::words: return split_words(parent);
    case narrow_step::text_cut::none: break;
  }
  return narrow(parent, *step.rows, step.operation, step.run, step.keeps_partitioner);
}

}  // namespace millrace::detail
