#include "job_status.hpp"

namespace millrace::python {

namespace {
constexpr std::size_t most_jobs = 1000;
}

job_status::job_status(detail::event_bus& events)
    : events_(events),
      subscription_(events.subscribe([this](const detail::event& e) { take(e); })) {}

void job_status::take(const detail::event& happened) {
  using kind = detail::event::kind;
  if (happened.job < 0) return;
  const std::lock_guard lock(mutex_);
  if (happened.what == kind::job_started) {
    jobs_[happened.job] = {state::running, happened.group, happened.text, {}};
    if (jobs_.size() > most_jobs) {
      for (const std::int64_t id : jobs_.begin()->second.stages) stages_.erase(id);
      jobs_.erase(jobs_.begin());
    }
    return;
  }
  const auto found = jobs_.find(happened.job);
  if (found == jobs_.end()) return;
  stage& at = stages_[happened.stage];
  switch (happened.what) {
    case kind::job_ended: found->second.now = state::succeeded; break;
    case kind::job_failed: found->second.now = state::failed; break;
    case kind::stage_started:
      found->second.stages.push_back(happened.stage);
      at.name = found->second.name;
      break;
    case kind::stage_ended:
    case kind::stage_failed: at.over = true; break;
    case kind::task_started:
      if (happened.attempt == 0) ++at.tasks;
      ++at.active;
      break;
    case kind::task_ended:
      --at.active;
      ++at.completed;
      break;
    case kind::task_failed:
      --at.active;
      ++at.failed;
      break;
    default: break;
  }
  stages_.erase(-1);  // what says no stage
}

std::vector<std::int64_t> job_status::jobs_of(const std::string& group) {
  events_.flush();
  const std::lock_guard lock(mutex_);
  std::vector<std::int64_t> ids;
  for (const auto& [id, one] : jobs_)
    if (one.group == group) ids.push_back(id);
  return ids;
}

std::vector<std::int64_t> job_status::running_jobs() {
  events_.flush();
  const std::lock_guard lock(mutex_);
  std::vector<std::int64_t> ids;
  for (const auto& [id, one] : jobs_)
    if (one.now == state::running) ids.push_back(id);
  return ids;
}

std::vector<std::int64_t> job_status::running_stages() {
  events_.flush();
  const std::lock_guard lock(mutex_);
  std::vector<std::int64_t> ids;
  for (const auto& [id, one] : stages_)
    if (!one.over) ids.push_back(id);
  return ids;
}

std::optional<job_status::job> job_status::find_job(std::int64_t id) {
  events_.flush();
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return std::nullopt;
  return found->second;
}

std::optional<job_status::stage> job_status::find_stage(std::int64_t id) {
  events_.flush();
  const std::lock_guard lock(mutex_);
  const auto found = stages_.find(id);
  if (found == stages_.end()) return std::nullopt;
  return found->second;
}

}  // namespace millrace::python
