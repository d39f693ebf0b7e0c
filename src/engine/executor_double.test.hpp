// An executor port for tests: several executors in this process, which can be lost, slow and late.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/executor_port.hpp"
#include "engine/task_set.hpp"

namespace millrace::detail {

/// One thread a slot. Unlike the embedded one it never uses the job's own thread.
class executor_double final : public executor_port {
 public:
  enum class verdict {
    run,
    lose,           // the executor dies before it begins the order
    lose_and_keep,  // and the order is run all the same, once another attempt was sent: a slow
                    // zombie
    restart,        // it dies and its successor joins; nobody says that it was lost
  };
  struct options {
    int slots = 3;
    bool newest_first = false;  // reports come in another order than orders
    /// Asked before each order is run, with how many were begun before it; one call at a time.
    std::function<verdict(const task_order& order, int begun)> judge = {};
    /// Called at the beginning of each `send`, on the job's thread.
    std::function<void()> on_send = {};
  };
  explicit executor_double(options o) : options_(std::move(o)) {
    executors_.resize(static_cast<std::size_t>(options_.slots));
    for (int s = 0; s < options_.slots; ++s) threads_.emplace_back([this, s] { serve(s); });
  }
  ~executor_double() override { stop(); }

  void want(int) override {  // as many as it has
    const std::lock_guard lock(mutex_);
    for (int s = 0; s < options_.slots; ++s) join(s);
  }
  void replace(int slot, std::uint64_t epoch) override {
    const std::lock_guard lock(mutex_);
    if (at(slot).epoch == epoch) join(slot);
  }
  std::optional<event> poll(std::chrono::milliseconds timeout) override {
    std::unique_lock lock(mutex_);
    happened_.wait_for(lock, timeout, [this] { return !events_.empty(); });
    if (events_.empty()) return std::nullopt;
    event next = std::move(events_.front());
    events_.pop_front();
    return next;
  }
  void send(std::span<const task_order> orders, bool) override {
    if (options_.on_send) options_.on_send();
    const std::lock_guard lock(mutex_);
    for (const auto& order : orders)
      if (!stopping_ && at(order.slot).alive && at(order.slot).epoch == order.epoch)
        at(order.slot).queue.push_back(order);
    work_.notify_all();
  }
  void lend(const task_set&) override {}
  void stop() override {
    std::vector<std::thread> threads;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      threads.swap(threads_);
    }
    work_.notify_all();
    for (auto& t : threads) t.join();
    late_.clear();
  }

  /// An executor dies now with all that it keeps; what it runs goes on, unheard.
  void lose(int slot) {
    const std::lock_guard lock(mutex_);
    die(slot);
  }
  int losses() const { return losses_; }
  int late_reports() const { return late_reports_; }

 private:
  struct executor {
    std::uint64_t epoch = 0;
    bool alive = false;
    std::deque<task_order> queue;
  };
  executor& at(int slot) { return executors_[static_cast<std::size_t>(slot)]; }

  void join(int slot) {
    at(slot).alive = true;
    ++at(slot).epoch;
    events_.push_back({event::kind::joined, slot, at(slot).epoch, {}});
    happened_.notify_all();
  }
  void restart(int slot) {
    ++losses_;
    at(slot).queue.clear();
    join(slot);
  }
  void die(int slot) {
    if (!at(slot).alive) return;
    ++losses_;
    at(slot).alive = false;
    at(slot).queue.clear();
    events_.push_back({event::kind::lost, slot, at(slot).epoch, "killed by the test"});
    happened_.notify_all();
  }

  void serve(int slot) {
    std::unique_lock lock(mutex_);
    for (;;) {
      auto& queue = at(slot).queue;
      work_.wait(lock, [&] { return stopping_ || !queue.empty(); });
      if (stopping_) return;
      task_order order = options_.newest_first ? queue.back() : queue.front();
      if (options_.newest_first) queue.pop_back();
      else queue.pop_front();
      const verdict v = options_.judge ? options_.judge(order, begun_) : verdict::run;
      ++begun_;
      if (v != verdict::run) {
        if (v == verdict::lose_and_keep) late_.push_back(order);
        if (v == verdict::restart) restart(slot);
        else die(slot);
        continue;
      }
      std::vector<task_order> zombies;
      std::erase_if(late_, [&](const task_order& late) {
        const bool same = late.set == order.set && late.index == order.index;
        if (same) zombies.push_back(late);
        return same;
      });
      late_reports_ += static_cast<int>(zombies.size());
      lock.unlock();
      for (const auto& z : zombies) z.run();
      zombies.clear();
      order.run();
      order = {};
      lock.lock();
    }
  }

  options options_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable happened_;
  std::deque<event> events_;
  std::vector<executor> executors_;
  std::vector<task_order> late_;
  std::vector<std::thread> threads_;
  std::atomic<int> losses_{0};
  std::atomic<int> late_reports_{0};
  int begun_ = 0;
  bool stopping_ = false;
};

}  // namespace millrace::detail
