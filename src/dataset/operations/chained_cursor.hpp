// Several partitions, one after another, as one.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

/// Each is opened when the one before has ended.
class chained_cursor final : public cursor {
 public:
  struct part {
    const node* dataset;
    int partition;
  };
  chained_cursor(std::vector<part> parts, task_context& task)
      : parts_(std::move(parts)), task_(task) {}

  flow step(const sink& to) override {
    if (now_ == nullptr) {
      if (next_ == parts_.size()) return flow::enough;
      now_ = task_.open(*parts_[next_].dataset, parts_[next_].partition);
      ++next_;
    }
    stopped_ = false;
    to_ = &to;
    const flow answer = now_->step({this, [](void* self, const chunk& rows) {
                                      auto& me = *static_cast<chained_cursor*>(self);
                                      const flow f = (*me.to_)(rows);
                                      me.stopped_ = me.stopped_ || f == flow::enough;
                                      return f;
                                    }});
    if (answer == flow::more) return answer;
    now_.reset();
    return stopped_ || next_ == parts_.size() ? flow::enough : flow::more;
  }

 private:
  std::vector<part> parts_;
  task_context& task_;
  std::unique_ptr<cursor> now_;
  std::size_t next_ = 0;
  const sink* to_ = nullptr;
  bool stopped_ = false;
};

}  // namespace millrace::detail
