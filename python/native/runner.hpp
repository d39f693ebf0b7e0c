// An engine as Python programs use it: its datasets, its jobs, its workers.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "job_status.hpp"
#include "millrace/detail/base/clock.hpp"
#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "worker_pool.hpp"

namespace millrace::python {

/// Any thread, with Python's lock or without. It never takes that lock itself.
class runner {
 public:
  /// Settings that the engine has no use for are left out. `stepped`: on a clock that stands still.
  runner(std::string name, const std::string& master,
         const std::vector<std::pair<std::string, std::string>>& conf, bool stepped);

  const std::shared_ptr<detail::engine>& core() const { return core_; }
  const std::shared_ptr<worker_pool>& workers() const { return workers_; }
  job_status& status() { return *status_; }
  detail::manual_clock* stepped_clock() const { return manual_.get(); }
  int threads() const { return threads_; }

  /// `server`: the socket of the fork server.
  /// As worker_pool.
  void start_workers(int server, std::chrono::milliseconds patience);
  void stop();

  /// A running job, for whoever wants to end it.
  struct ticket {
    std::string group;
    std::vector<std::string> tags;
    std::atomic<bool> cancel{false};
  };
  /// Runs jobs, which `t` may end. In a batch the batch's own lane is used.
  void run(ticket& t, const std::function<void()>& jobs);
  /// The frames of some partitions, in their order.
  std::vector<std::shared_ptr<detail::row_buffer>> run(const detail::node_ptr& dataset,
                                                       const std::vector<int>& partitions,
                                                       std::string_view action, ticket& t);
  /// Ends all jobs of a group; all jobs for none.
  void cancel(const std::string* group);
  void cancel_tagged(const std::string& tag);

 private:
  std::unique_ptr<detail::manual_clock> manual_;
  int threads_ = 1;
  std::shared_ptr<detail::engine> core_;
  std::shared_ptr<worker_pool> workers_;
  std::unique_ptr<job_status> status_;  // before the engine goes
  std::mutex mutex_;
  std::set<ticket*> running_;
};

}  // namespace millrace::python
