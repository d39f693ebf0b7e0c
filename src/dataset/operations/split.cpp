// flat_map(mr::split(c)) and flat_map(mr::words()): text cut block-wise where it comes in blocks.
#include <utility>

#include "dataset/operations/narrow_cursor.hpp"
#include "dataset/operations/text_cutter.hpp"
#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

namespace {

template <class Text, class Splitter>
flow split_loop(step_state& step, const chunk& in) {
  const auto& splitter = function_in<Splitter>(step.function);
  const Text* rows = static_cast<const Text*>(in.rows);
  output<std::string_view> out(step, in);
  for (; out.at < in.count; ++out.at) {
    std::string_view rest = rows[out.at];
    std::string_view piece;
    for (bool more = true; splitter.next(rest, more, piece);) {
      out.put(piece);
      if (out.full() && out.flush() == flow::enough) return out.stop();
    }
  }
  return out.flush();
}

template <class Splitter>
class split_node final : public node {
 public:
  split_node(facts f, Splitter splitter, text_cut cut) : node(std::move(f)), cut_(cut) {
    kernel_.function = keep_function(splitter);
    kernel_.run = parents()[0]->rows().kind == row_kind::text
                      ? split_loop<std::string, Splitter>
                      : split_loop<std::string_view, Splitter>;
  }
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    const node& parent = *parents()[0];
    if (auto blocks = task.open_blocks(parent, partition))
      return cut_blocks(std::move(blocks), cut_);
    return std::make_unique<narrow_cursor>(task.open(parent, partition), parent.rows(), kernel_,
                                           rows(), operation(), task, true);
  }

 private:
  kernel kernel_;
  text_cut cut_;
};

template <class Splitter>
node_ptr make_split(const node_ptr& parent, Splitter splitter, text_cut cut) {
  return std::make_shared<split_node<Splitter>>(node::facts{parent->context(),
                                                            &row_type_of<std::string_view>(),
                                                            "flat_map",
                                                            parent->partitions(),
                                                            {parent},
                                                            {},
                                                            nullptr},
                                                splitter, cut);
}

}  // namespace

node_ptr split_text(const node_ptr& parent, char delimiter) {
  return make_split(parent, field_splitter{delimiter}, {text_cut::at_fields, delimiter});
}

node_ptr split_words(const node_ptr& parent) {
  return make_split(parent, word_splitter{}, {text_cut::at_words, ' '});
}

}  // namespace millrace::detail
