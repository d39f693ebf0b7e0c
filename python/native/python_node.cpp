#include "python_node.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "known_name.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::python {

namespace {

using detail::flow;

/// The most that is handed to a worker in one answer: it reads all of it before it goes on.
constexpr std::size_t answer_bytes = 4 << 20;

/// One input of a task's function, frame by frame.
class input {
 public:
  input(const std::vector<parent_partition>& from, std::span<const detail::node_ptr> parents,
        detail::task_context& task)
      : from_(from), parents_(parents), task_(task) {}

  /// The next frames; none: no more. They are valid until the next call.
  const std::vector<std::string_view>& next() {
    answer_.clear();
    while (sent_ == held_.size()) {
      held_.clear();
      sent_ = 0;
      if (!pull()) return answer_;
      if (!answer_.empty()) return answer_;
    }
    for (std::size_t bytes = 0; sent_ != held_.size() && bytes < answer_bytes; ++sent_) {
      answer_.push_back(held_[sent_]);
      bytes += held_[sent_].size();
    }
    return answer_;
  }
  /// Whether the frames are blocks of text.
  bool is_text() const { return is_text_; }

 private:
  /// One block or one step of what is being read. False: all was read.
  bool pull() {
    if (blocks_ != nullptr) {
      std::string_view block;
      if (blocks_->next(block)) answer_.push_back(block);
      else blocks_.reset();
      return true;
    }
    if (rows_ != nullptr) {
      const flow answer = rows_->step({this, is_text_ ? keep_lines : keep_frames});
      if (!lines_.empty()) held_.push_back(std::exchange(lines_, {}));
      if (answer == flow::enough) rows_.reset();
      return true;
    }
    if (at_ == from_.size()) return false;
    const parent_partition next = from_[at_++];
    const detail::node& parent = *parents_[static_cast<std::size_t>(next.parent)];
    is_text_ = parent.rows().kind == detail::row_kind::text_view;
    if (is_text_) blocks_ = task_.open_blocks(parent, next.partition);
    if (blocks_ == nullptr) rows_ = task_.open(parent, next.partition);
    return true;
  }

  static flow keep_frames(void* self, const detail::chunk& rows) {
    const auto* frames = static_cast<const frame*>(rows.rows);
    for (std::uint32_t i = 0; i < rows.count; ++i)
      static_cast<input*>(self)->held_.emplace_back(frames[i].second);
    return flow::more;
  }
  static flow keep_lines(void* self, const detail::chunk& rows) {
    const auto* lines = static_cast<const std::string_view*>(rows.rows);
    std::string& text = static_cast<input*>(self)->lines_;
    for (std::uint32_t i = 0; i < rows.count; ++i) (text += lines[i]) += '\n';
    return flow::more;
  }

  const std::vector<parent_partition>& from_;
  std::span<const detail::node_ptr> parents_;
  detail::task_context& task_;
  std::size_t at_ = 0;
  std::unique_ptr<detail::block_cursor> blocks_;
  std::unique_ptr<detail::cursor> rows_;
  bool is_text_ = false;
  std::string lines_;
  std::vector<std::string> held_;
  std::size_t sent_ = 0;
  std::vector<std::string_view> answer_;
};

/// Serves one worker until it is done.
class python_cursor final : public detail::cursor {
 public:
  python_cursor(std::shared_ptr<worker_pool> workers, std::string_view function,
                const partition_inputs& from, std::span<const detail::node_ptr> parents,
                int partition, std::string_view operation, detail::task_context& task)
      : workers_(std::move(workers)),
        function_(function),
        partition_(partition),
        operation_(operation),
        task_(task) {
    for (const auto& one : from) inputs_.emplace_back(one, parents, task);
  }
  ~python_cursor() override {
    if (worker_ != nullptr) worker_->kill();  // in the middle of something nobody wants
  }

  flow step(const detail::sink& to) override {
    try {
      return serve(to);
    } catch (...) {
      task_.failed_in(operation_, -1);
      throw;
    }
  }

 private:
  flow serve(const detail::sink& to) {
    if (worker_ == nullptr) {
      worker_ = workers_->take();
      worker_->begin(task_, partition_, function_);
    }
    for (;;) {
      const message m = worker_->receive(task_);
      switch (m.what) {
        case message::kind::wants_rows: {
          input& from = inputs_.at(m.number);
          const auto& frames = from.next();
          worker_->send_rows(frames, from.is_text());
          break;
        }
        case message::kind::rows: {
          worker::read_frames(m, given_);
          const bool more =
              !enough_ && to({given_.data(), m.number, false}) == flow::more;
          enough_ = !more;
          worker_->send_more(more);
          if (more) return flow::more;
          break;
        }
        case message::kind::bad_record: worker_->reject(m); break;
        case message::kind::done:
          workers_->gained(m.bytes);
          workers_->give_back(std::move(worker_));
          return flow::enough;
        case message::kind::failed: {
          const std::string text(m.bytes);
          workers_->give_back(std::move(worker_));
          throw python_error(text);
        }
        case message::kind::cancelled: return flow::enough;
        default: throw worker_lost("a Python worker said what no worker says");
      }
    }
  }

  std::shared_ptr<worker_pool> workers_;
  std::unique_ptr<worker> worker_;
  std::vector<frame> given_;
  std::string_view function_;
  std::vector<input> inputs_;
  int partition_;
  std::string_view operation_;
  bool enough_ = false;
  detail::task_context& task_;
};

class node_of_python final : public detail::node {
 public:
  node_of_python(facts f, std::shared_ptr<worker_pool> workers, std::string function,
                 std::vector<partition_inputs> inputs)
      : node(std::move(f)),
        workers_(std::move(workers)),
        function_(std::move(function)),
        inputs_(std::move(inputs)) {}

  std::unique_ptr<detail::cursor> open(int partition, detail::task_context& task) const override {
    return std::make_unique<python_cursor>(workers_, function_,
                                           inputs_[static_cast<std::size_t>(partition)], parents(),
                                           partition, operation(), task);
  }

 private:
  std::shared_ptr<worker_pool> workers_;
  std::string function_;
  std::vector<partition_inputs> inputs_;
};

}  // namespace

detail::node_ptr python_node(detail::context_ptr context, std::shared_ptr<worker_pool> workers,
                             std::string_view operation, std::string function,
                             std::vector<detail::node_ptr> parents,
                             std::vector<partition_inputs> inputs, bool together) {
  if (inputs.empty() && parents.size() == 1)
    for (int p = 0; p < parents[0]->partitions(); ++p) inputs.push_back({{{0, p}}});
  const int partitions = static_cast<int>(inputs.size());
  return std::make_shared<node_of_python>(detail::node::facts{std::move(context),
                                                              &detail::row_type_of<frame>(),
                                                              known_name(operation),
                                                              partitions,
                                                              std::move(parents),
                                                              {},
                                                              nullptr,
                                                              together},
                                          std::move(workers), std::move(function),
                                          std::move(inputs));
}

}  // namespace millrace::python
