#pragma once
// Threads that spin for a while, then sleep: what a loop by hand can afford and a library cannot.

#include <immintrin.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace hand {

class pool {
 public:
  /// The caller of `run` is worker 0, so this starts one thread less than it is told.
  explicit pool(int threads) : threads_(threads) {
    for (int i = 1; i < threads; ++i) {
      workers_.emplace_back([this, i] { serve(i); });
    }
  }

  ~pool() {
    stop_ = true;
    wake();
    for (auto& worker : workers_) worker.join();
  }

  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  /// Calls work(0) … work(threads - 1) at once and returns when all have.
  template <class Work>
  void run(Work&& work) {
    if (threads_ == 1) {
      work(0);
      return;
    }
    work_ = std::ref(work);
    left_ = threads_ - 1;
    wake();
    work(0);
    while (left_.load(std::memory_order_acquire) != 0) _mm_pause();
  }

  int threads() const { return threads_; }

 private:
  static constexpr int spins = 20'000;

  void wake() {
    turn_.fetch_add(1);
    turn_.notify_all();
  }

  void serve(int worker) {
    std::uint64_t seen = 0;
    for (;;) {
      for (int i = 0; i < spins && turn_.load(std::memory_order_acquire) == seen; ++i) {
        _mm_pause();
      }
      turn_.wait(seen);
      if (stop_) return;
      seen = turn_.load();
      work_(worker);
      left_.fetch_sub(1);
    }
  }

  int threads_;
  std::vector<std::thread> workers_;
  std::function<void(int)> work_;
  std::atomic<std::uint64_t> turn_{0};
  std::atomic<int> left_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace hand
