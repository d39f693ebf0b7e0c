// A function of the program's that is called with what a batch brought for some keys.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frame.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "worker_pool.hpp"

namespace millrace::python {

/// A function as pyspark/streaming/state.py wrote it last: a program's functions are what they are
/// when a batch is made. Any thread.
class written_function {
 public:
  using text = std::shared_ptr<const std::string>;
  void set(std::string pickled) {
    auto next = std::make_shared<const std::string>(std::move(pickled));
    const std::lock_guard lock(mutex_);
    now_ = std::move(next);
  }
  text now() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }

 private:
  mutable std::mutex mutex_;
  text now_ = std::make_shared<const std::string>();
};

/// And the workers that run it.
struct python_function {
  std::shared_ptr<worker_pool> workers;
  std::shared_ptr<const written_function> written;
};

/// One call in a worker: groups of frames in, one group a key; frames out.
class python_call {
 public:
  /// So many keys go into a call: enough that what a call costs is nothing for each.
  static constexpr std::size_t most_keys = 1024;

  python_call(const python_function& of, detail::task_context& task) : of_(of), task_(task) {}

  /// The next frame of the last key's part. Parts are numbered as `end_part` ends them.
  void add(std::string_view one) { frames_.push_back(one); }
  void end_part() {
    counts_.push_back(static_cast<std::int32_t>(frames_.size() - counted_));
    counted_ = frames_.size();
  }
  bool empty() const { return counts_.empty(); }

  /// Calls the function, and `take(place, bytes)` with each frame that it gives.
  template <class Take>
  void run(Take take) {
    run(&take, [](void* self, const frame& one) {
      (*static_cast<Take*>(self))(one.first, one.second);
    });
  }

 private:
  void run(void* self, void (*take)(void* self, const frame& one));

  const python_function& of_;
  detail::task_context& task_;
  std::vector<std::int32_t> counts_;
  std::vector<std::string_view> frames_;
  std::size_t counted_ = 0;
};

}  // namespace millrace::python
