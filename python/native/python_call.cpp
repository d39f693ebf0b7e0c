#include "python_call.hpp"

#include <utility>

namespace millrace::python {

namespace {

/// A worker that is in the middle of something nobody wants ends.
struct borrowed {
  std::unique_ptr<worker> one;
  ~borrowed() {
    if (one != nullptr) one->kill();
  }
};

}  // namespace

void python_call::run(void* self, void (*take)(void* self, const frame& one)) {
  std::vector<std::string_view> all;
  all.reserve(frames_.size() + 1);
  all.emplace_back(reinterpret_cast<const char*>(counts_.data()),
                   counts_.size() * sizeof(std::int32_t));
  all.insert(all.end(), frames_.begin(), frames_.end());
  std::vector<frame> given;
  borrowed worker_of{of_.workers->take()};
  worker& by = *worker_of.one;
  const written_function::text function = of_.written->now();
  by.begin(task_, task_.partition(), *function);
  bool sent = false;
  for (;;) {
    const message m = by.receive(task_);
    switch (m.what) {
      case message::kind::wants_rows:
        by.send_rows(std::exchange(sent, true) ? std::vector<std::string_view>() : all, false);
        break;
      case message::kind::rows:
        worker::read_frames(m, given);
        for (const frame& one : given) take(self, one);
        by.send_more(true);
        break;
      case message::kind::bad_record: by.reject(m); break;
      case message::kind::done:
        of_.workers->gained(m.bytes);
        of_.workers->give_back(std::move(worker_of.one));
        return;
      case message::kind::failed: {
        const std::string text(m.bytes);
        of_.workers->give_back(std::move(worker_of.one));
        throw python_error(text);
      }
      case message::kind::cancelled: throw detail::task_cancelled();
      default: throw worker_lost("a Python worker said what no worker says");
    }
  }
}

}  // namespace millrace::python
