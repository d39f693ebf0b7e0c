// What became of an engine's jobs, for whoever asks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "millrace/detail/base/events.hpp"

namespace millrace::python {

/// Folds events into the state of the last thousand jobs. Any thread.
class job_status {
 public:
  enum class state { running, succeeded, failed };
  struct stage {
    int tasks = 0;
    int active = 0;
    int completed = 0;
    int failed = 0;
    int attempt = 0;
    bool over = false;
    std::string name{};
  };
  struct job {
    state now = state::running;
    std::string group{};
    std::string name{};
    std::vector<std::int64_t> stages{};
  };

  explicit job_status(detail::event_bus& events);
  ~job_status() = default;
  job_status(const job_status&) = delete;
  job_status& operator=(const job_status&) = delete;

  /// Jobs without a group belong to "".
  std::vector<std::int64_t> jobs_of(const std::string& group);
  std::vector<std::int64_t> running_jobs();
  std::vector<std::int64_t> running_stages();
  std::optional<job> find_job(std::int64_t id);
  std::optional<stage> find_stage(std::int64_t id);

 private:
  void take(const detail::event& happened);

  detail::event_bus& events_;
  std::mutex mutex_;
  std::map<std::int64_t, job> jobs_;
  std::map<std::int64_t, stage> stages_;
  detail::event_bus::subscription subscription_;  // last: it ends before what it writes to
};

}  // namespace millrace::python
