// The executor that is this process: a queue of orders, threads that serve it, and the thread that
// waits for the job, which serves its own orders.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "engine/executor_port.hpp"

namespace millrace::detail {

executor_port::~executor_port() = default;

namespace {

class embedded final : public executor_port {
 public:
  explicit embedded(int threads) : helpers_(threads - 1) {}
  ~embedded() override { stop(); }

  void want(int) override {
    const std::lock_guard lock(mutex_);
    joining_ = true;
  }
  void replace(int, std::uint64_t) override {}

  std::optional<event> poll(std::chrono::milliseconds) override {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(joining_, false)) return std::nullopt;
    return event{event::kind::joined, 0, 1, {}};
  }

  void send(std::span<const task_order> orders, bool alone) override {
    std::size_t wake = 0;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      queue_.insert(queue_.end(), orders.begin(), orders.end());
      if (!alone && helpers_ > 0) {
        // Threads are started when there is work for them: a program of small batches has none.
        while (static_cast<int>(threads_.size()) < helpers_ && threads_.size() < orders.size())
          threads_.emplace_back([this] { serve(); });
        wake = std::min(threads_.size(), orders.size() - 1);
      }
    }
    for (; wake != 0; --wake) work_.notify_one();
  }

  void lend(const task_set& set) override {
    for (;;) {
      task_order order;
      {
        const std::lock_guard lock(mutex_);
        auto next = queue_.begin();
        while (next != queue_.end() && next->set.get() != &set) ++next;
        if (next == queue_.end()) return;
        order = std::move(*next);
        queue_.erase(next);
      }
      order.run();
    }
  }

  void stop() override {
    std::vector<std::thread> threads;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      threads.swap(threads_);
    }
    work_.notify_all();
    for (auto& t : threads) t.join();
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      task_order order = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      order.run();
      order = {};
      lock.lock();
    }
  }

  const int helpers_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<task_order> queue_;
  std::vector<std::thread> threads_;
  bool joining_ = false;
  bool stopping_ = false;
};

}  // namespace

std::unique_ptr<executor_port> embedded_executor(int threads) {
  return std::make_unique<embedded>(threads);
}

}  // namespace millrace::detail
