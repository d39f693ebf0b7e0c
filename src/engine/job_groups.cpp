#include <algorithm>
#include <utility>
#include <vector>

#include "engine/scheduler.hpp"
#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

namespace {
// By the engine's number: its address may be another's later.
thread_local std::vector<std::pair<std::uint64_t, job_group>> groups;

auto place_of(const engine& of) {
  return std::find_if(groups.begin(), groups.end(),
                      [&](const auto& entry) { return entry.first == of.number(); });
}
}  // namespace

void set_job_group(const engine& of, job_group group) {
  const auto place = place_of(of);
  if (place != groups.end()) groups.erase(place);
  if (!group.id.empty() || !group.description.empty())
    groups.emplace_back(of.number(), std::move(group));
}

job_group job_group_of(const engine& of) {
  const auto place = place_of(of);
  return place == groups.end() ? job_group{} : place->second;
}

void cancel_job_group(engine& of, const std::string& id) {
  if (!id.empty()) of.jobs().cancel_group(id);
}

void cancel_all_jobs(engine& of) { of.jobs().cancel_all(); }

}  // namespace millrace::detail
