#include "engine/async_threads.hpp"

#include <system_error>
#include <utility>

#include "millrace/error.hpp"

namespace millrace::detail {

void async_threads::start(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  for (auto t = threads_.begin(); t != threads_.end();) {
    if (!t->ended->load()) {
      ++t;
      continue;
    }
    t->thread.join();
    t = threads_.erase(t);
  }
  auto ended = std::make_shared<std::atomic<bool>>(false);
  try {
    threads_.push_back({std::thread([work = std::move(work), ended]() mutable {
                          work();
                          work = nullptr;  // what it holds may be the last of its kind
                          ended->store(true);
                        }),
                        ended});
  } catch (const std::system_error& e) {
    throw error(std::string("an asynchronous action could not get a thread: ") + e.what());
  }
}

void async_threads::join() {
  std::list<one> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(threads_);
  }
  for (auto& t : all) {
    if (t.thread.get_id() == std::this_thread::get_id()) t.thread.detach();
    else t.thread.join();
  }
}

}  // namespace millrace::detail
