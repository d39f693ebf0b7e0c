// map, filter, flat_map and all that works on one chunk at a time.
#include <utility>

#include "dataset/operations/narrow_cursor.hpp"
#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

narrow_cursor::narrow_cursor(std::unique_ptr<cursor> from, const kernel& k, const row_type& rows,
                             std::string_view operation, task_context& task)
    : from_(std::move(from)), run_(k.run), operation_(operation), task_(task) {
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
  try {
    const flow answer = me.run_(me.state_, rows);
    me.state_.rows_before += rows.count;
    return answer;
  } catch (...) {
    if (me.state_.failed_row >= 0) me.task_.failed_in(me.operation_, me.state_.failed_row);
    throw;
  }
}

namespace {
class narrow_node final : public node {
 public:
  narrow_node(facts f, kernel k) : node(std::move(f)), kernel_(std::move(k)) {}
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    return std::make_unique<narrow_cursor>(task.open(*parents()[0], partition), kernel_, rows(),
                                           operation(), task);
  }

 private:
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
