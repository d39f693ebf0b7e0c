#include "streaming/batch_loop.hpp"

#include <algorithm>
#include <utility>

namespace millrace::detail {

batch_loop::batch_loop(batch_runner& runner, options o) : runner_(runner), options_(std::move(o)) {}

batch_loop::~batch_loop() {
  for (std::thread& thread : threads_) {
    if (thread.get_id() == std::this_thread::get_id()) thread.detach();
    else if (thread.joinable()) thread.join();
  }
}

void batch_loop::start(time_point_ms first, std::shared_ptr<void> keep) {
  const std::lock_guard lock(mutex_);
  next_ = first;
  runner_.current(first);
  alive_ = 1 + options_.concurrent_jobs;
  if (options_.concurrent_jobs > 1) runner_.overlap();
  for (int i = 0; i < alive_; ++i) threads_.emplace_back([this, keep] { work(); });
}

void batch_loop::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (run_one(lock)) continue;
    const bool more_batches = mode_ == mode::running || mode_ == mode::finishing;
    if (more_batches && !watched_) {
      if (waiting_.size() < options_.most_waiting) {
        watch(lock);
        continue;
      }
      if (!std::exchange(behind_, true)) {
        lock.unlock();
        options_.behind();
        lock.lock();
        continue;
      }
    }
    if (!more_batches && waiting_.empty() && !watched_) break;
    ++idle_;
    changed_.wait(lock);
    --idle_;
  }
  changed_.notify_all();
  if (--alive_ != 0) return;
  lock.unlock();
  options_.ended();
  lock.lock();
  ended_ = true;
  over_.notify_all();
}

/// Takes the next job if one may run; false: none may.
bool batch_loop::run_one(std::unique_lock<std::mutex>& lock) {
  if (waiting_.empty() || running_ >= options_.concurrent_jobs) return false;
  const std::shared_ptr<batch> b = waiting_.front();
  const std::size_t job = b->next++;
  if (b->next == b->jobs.size()) {
    if (waiting_.size() == options_.most_waiting) changed_.notify_one();  // goes to the clock again
    waiting_.pop_front();
    if (waiting_.size() <= options_.most_waiting / 2) behind_ = false;
  }
  ++running_;
  lock.unlock();

  std::exception_ptr failure;
  try {
    if (job == 0) runner_.begin(*b);
    runner_.run(*b, job);
  } catch (const std::exception& e) {
    failure = std::current_exception();
    runner_.failed(b->time, e);
  }

  lock.lock();
  if (failure != nullptr) {
    fail_locked(std::move(failure));
  } else if (--b->left == 0) {  // also while others are dropped: it is done
    lock.unlock();
    try {
      runner_.complete(*b);
    } catch (const std::exception& e) {
      failure = std::current_exception();
      runner_.failed(b->time, e);
    }
    lock.lock();
    if (failure != nullptr) fail_locked(std::move(failure));
  }
  --running_;
  return true;
}

/// False: woken before the time came.
bool batch_loop::wait_for(time_point_ms time, bool cutting) {
  const auto every = options_.cut_every;
  while (cutting && every.count() != 0) {
    const auto now = options_.time->now().time_since_epoch();
    const time_point_ms next((now / every + 1) * every);
    if (next >= time) break;
    if (!options_.time->wait_until(next, wake_)) return false;
    options_.cut();
  }
  return options_.time->wait_until(time, wake_);
}

/// The batch of `time`, those after it whose time has come too, and those that are run again. What
/// they read is on the disk then, where that matters. Returns the time of the next batch.
time_point_ms batch_loop::generate(time_point_ms time, std::size_t most,
                                   std::vector<std::shared_ptr<batch>>& made) {
  time_point_ms at = time;
  try {
    do {
      made.push_back(runner_.generate(at));
      at += options_.interval;
    } while (made.size() < most && at <= options_.time->now());
    for (auto& retried : runner_.generate_retried()) made.push_back(std::move(retried));
    runner_.make_sure();
    for (const auto& b : made)
      if (b->jobs.empty()) runner_.complete(*b);
    return at;
  } catch (const std::exception& e) {
    made.clear();
    runner_.failed(runner_.current(), e);
    throw;
  }
}

/// Waits for the next batch time and generates that batch.
void batch_loop::watch(std::unique_lock<std::mutex>& lock) {
  if (mode_ == mode::finishing) {
    wake_.reset();  // from here on only `drop` ends the wait
    if (!options_.holds_records()) {
      mode_ = mode::draining;
      return;
    }
  }
  const bool last = mode_ == mode::finishing;
  const time_point_ms time = next_;
  const std::size_t most =
      last ? 1 : std::min(options_.most_together, options_.most_waiting - waiting_.size());
  watched_ = true;
  lock.unlock();

  std::vector<std::shared_ptr<batch>> made;
  time_point_ms next = time;
  std::exception_ptr failure;
  try {
    if (wait_for(time, !last)) next = generate(time, most, made);
  } catch (const std::exception&) {
    failure = std::current_exception();
  }

  lock.lock();
  watched_ = false;
  if (failure != nullptr) {
    fail_locked(std::move(failure));
  } else if (!made.empty()) {
    next_ = next;
    runner_.current(next_);
    if (mode_ == mode::dropping) return;
    if (last) mode_ = mode::draining;
    std::size_t jobs = 0;
    for (std::shared_ptr<batch>& b : made) {
      jobs += b->jobs.size();
      if (!b->jobs.empty()) waiting_.push_back(std::move(b));
    }
    // This thread takes a job, one more watches the clock, the others have the rest.
    if (idle_ != 0 && (jobs > 1 && options_.concurrent_jobs > 1)) changed_.notify_all();
    else if (idle_ != 0 && jobs != 0) changed_.notify_one();
  }
}

void batch_loop::finish() {
  const std::lock_guard lock(mutex_);
  if (mode_ != mode::running) return;
  mode_ = mode::finishing;
  wake_.raise();
  changed_.notify_all();
}

void batch_loop::drop() {
  const std::lock_guard lock(mutex_);
  mode_ = mode::dropping;
  waiting_.clear();
  runner_.give_up();
  wake_.raise();
  changed_.notify_all();
}

void batch_loop::fail(std::exception_ptr why) noexcept {
  const std::lock_guard lock(mutex_);
  fail_locked(std::move(why));
}

void batch_loop::fail_locked(std::exception_ptr why) noexcept {
  // An error of a job that `drop` is cancelling is no failure of the stream.
  if (failure_ == nullptr && mode_ != mode::dropping) failure_ = std::move(why);
  mode_ = mode::dropping;
  waiting_.clear();
  runner_.give_up();
  wake_.raise();
  changed_.notify_all();
}

bool batch_loop::wait(const std::chrono::steady_clock::time_point* until) {
  std::unique_lock lock(mutex_);
  const auto is_over = [this] { return ended_; };
  if (until != nullptr) return over_.wait_until(lock, *until, is_over);
  over_.wait(lock, is_over);
  return true;
}

bool batch_loop::on_own_thread() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(threads_.begin(), threads_.end(), [](const std::thread& thread) {
    return thread.get_id() == std::this_thread::get_id();
  });
}

void batch_loop::join() {
  const std::lock_guard one_at_a_time(joining_);
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

std::exception_ptr batch_loop::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::size_t batch_loop::waiting_batches() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace millrace::detail
