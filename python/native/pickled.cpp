#include "pickled.hpp"

#include <memory>
#include <utility>

#include "frame.hpp"
#include "known_steps.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::python {

namespace {

constexpr std::size_t frame_bytes = 256 << 10;

void write_text(const std::string_view& text, pickle_writer& to) { to.text(text); }
void write_bytes(const std::string_view& bytes, pickle_writer& to) { to.bytes(bytes); }
void write_counted(const counted& row, pickle_writer& to) {
  to.text(row.first);
  to.number(row.second);
  to.pair();
}

class pickling_cursor final : public detail::cursor {
 public:
  pickling_cursor(std::unique_ptr<detail::cursor> from, const pickling& how)
      : from_(std::move(from)), pickle_(how) {}

  detail::flow step(const detail::sink& to) override {
    auto answer = detail::flow::more;
    while (answer == detail::flow::more && pickle_.size() < frame_bytes)
      answer = from_->step({this, [](void* self, const detail::chunk& rows) {
                              static_cast<pickling_cursor*>(self)->pickle_.add(rows);
                              return detail::flow::more;
                            }});
    if (pickle_.empty()) return answer;
    frame row{{0, 0}, pickle_.finish()};
    if (to({&row, 1, false}) == detail::flow::enough) return detail::flow::enough;
    return answer;
  }

 private:
  std::unique_ptr<detail::cursor> from_;
  pickle_of_rows pickle_;
};

class pickled_node final : public detail::node {
 public:
  pickled_node(facts f, const pickling& how) : node(std::move(f)), how_(how) {}
  std::unique_ptr<detail::cursor> open(int partition, detail::task_context& task) const override {
    const detail::node& parent = *parents()[0];
    return std::make_unique<pickling_cursor>(task.open(parent, partition), how_);
  }

 private:
  pickling how_;
};

}  // namespace

void pickle_of_rows::add(const detail::chunk& rows) {
  if (rows.count == 0) return;
  if (std::exchange(empty_, false)) how_.begin(to_);
  how_.write(how_.facts, rows.rows, rows.count, to_);
}

std::string_view pickle_of_rows::finish() {
  if (std::exchange(empty_, true)) how_.begin(to_);
  return to_.end_list();
}

pickling pickling_of(const detail::row_type& rows) {
  if (rows.kind == detail::row_kind::text_view) return {pickle_each<std::string_view, write_text>};
  return {pickle_each<counted, write_counted>};
}

pickling as_bytes() { return {pickle_each<std::string_view, write_bytes>}; }

detail::node_ptr pickled(const detail::node_ptr& dataset, const pickling& how) {
  return std::make_shared<pickled_node>(detail::node::facts{dataset->context(),
                                                            &detail::row_type_of<frame>(),
                                                            "pickle",
                                                            dataset->partitions(),
                                                            {dataset},
                                                            {},
                                                            nullptr},
                                        how);
}

}  // namespace millrace::python
