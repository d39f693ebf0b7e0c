// pipe: rows as lines through a command, one process a partition.
#include <string>
#include <utility>

#include "base/child_process.hpp"
#include "dataset/operations/text_cutter.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

/// Feeds a command while reading from it: neither can wait for the other for ever.
class command_blocks final : public block_cursor {
 public:
  command_blocks(const std::vector<std::string>& command, std::unique_ptr<cursor> from,
                 const row_type& rows, std::size_t line_limit, task_context& task)
      : command_(command),
        from_(std::move(from)),
        rows_(rows),
        line_limit_(line_limit),
        task_(task),
        child_(command) {}

  bool next(std::string_view& block) override {
    output_.erase(0, given_);
    given_ = 0;
    try {
      while (!task_.cancelled()) {
        // A line is whole when its end is there: "\r\n" is never torn.
        if (const auto end = output_.rfind('\n'); end != std::string::npos)
          return give(block, end + 1);
        if (output_ended_) {
          if (output_.empty()) return finish();
          return give(block, output_.size());
        }
        if (output_.size() > line_limit_)
          throw error("a line of the command's output is longer than files.maxLineBytes: " +
                      std::to_string(line_limit_));
        turn();
      }
    } catch (...) {
      task_.failed_in("pipe", -1);
      throw;
    }
    return false;
  }

 private:
  static constexpr std::size_t at_a_time = 64 * 1024;

  bool give(std::string_view& block, std::size_t n) {
    output_.reserve(output_.size() + 64);  // kernels read past the end
    block = std::string_view(output_).substr(0, n);
    given_ = n;
    return true;
  }

  /// Makes input where there is none, writes, reads; waits only where none of it can be done.
  void turn() {
    while (input_.size() < at_a_time && from_ != nullptr && !task_.cancelled())
      if (from_->step({this, add}) == flow::enough) from_.reset();
    if (!input_.empty()) input_.erase(0, child_.write(input_));
    if (input_.empty() && from_ == nullptr) child_.end_of_input();
    const std::size_t before = output_.size();
    output_ended_ = !child_.read(output_, at_a_time);
    if (!output_ended_ && output_.size() == before) child_.wait(!input_.empty());
  }
  static flow add(void* self, const chunk& rows) {
    auto& me = *static_cast<command_blocks*>(self);
    const char* row = static_cast<const char*>(rows.rows);
    for (std::uint32_t i = 0; i < rows.count; ++i, row += me.rows_.size) {
      print_row(me.rows_, row, me.input_);
      me.input_ += '\n';
    }
    return flow::more;
  }

  bool finish() {
    std::string how;
    while (!child_.ended(how))
      if (task_.cancelled()) return false;
    if (how.empty()) return false;
    std::string text = "the command ended with " + how + ":";
    for (const auto& word : command_) text += ' ' + word;
    throw error(text);
  }

  const std::vector<std::string>& command_;
  std::unique_ptr<cursor> from_;  // null: all of it was read
  const row_type& rows_;
  std::size_t line_limit_;
  task_context& task_;
  child_process child_;
  std::string input_;   // on its way to the command
  std::string output_;  // of it, not handed out yet but for the first `given_` bytes
  std::size_t given_ = 0;
  bool output_ended_ = false;
};

class command_node final : public node {
 public:
  command_node(facts f, std::vector<std::string> command)
      : node(std::move(f)),
        command_(std::move(command)),
        line_limit_(context()->conf().size("files.maxLineBytes")) {}
  std::unique_ptr<cursor> open(int partition, task_context& task) const override {
    return cut_blocks(open_blocks(partition, task), {});
  }
  std::unique_ptr<block_cursor> open_blocks(int partition, task_context& task) const override {
    const node& parent = *parents()[0];
    auto rows = task.open(parent, partition);
    try {
      return std::make_unique<command_blocks>(command_, std::move(rows), parent.rows(), line_limit_,
                                              task);
    } catch (...) {
      task.failed_in("pipe", -1);
      throw;
    }
  }

 private:
  std::vector<std::string> command_;
  std::size_t line_limit_;
};

}  // namespace

node_ptr pipe_through(const node_ptr& parent, std::vector<std::string> command) {
  if (command.empty() || command[0].empty()) throw usage_error("pipe: the command is empty");
  return std::make_shared<command_node>(node::facts{parent->context(),
                                                    &row_type_of<std::string_view>(),
                                                    "command",
                                                    parent->partitions(),
                                                    {parent},
                                                    {},
                                                    nullptr},
                                        std::move(command));
}

std::vector<std::string> words_of(std::string_view command) {
  std::vector<std::string> words;
  constexpr std::string_view space = " \t\n\r\f\v";
  for (std::size_t at = command.find_first_not_of(space); at != std::string_view::npos;) {
    const std::size_t end = std::min(command.find_first_of(space, at), command.size());
    words.emplace_back(command.substr(at, end - at));
    at = command.find_first_not_of(space, end);
  }
  return words;
}

}  // namespace millrace::detail
