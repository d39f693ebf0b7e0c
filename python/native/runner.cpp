#include "runner.hpp"

#include <algorithm>
#include <optional>

#include "millrace/error.hpp"
#include "program/master.hpp"
#include "python_node.hpp"
#include "python_stream.hpp"

namespace millrace::python {

namespace {

/// The settings of a Spark program that are ours; Spark has hundreds of others.
detail::settings known_of(const std::vector<std::pair<std::string, std::string>>& conf) {
  detail::settings known;
  for (const auto& [name, value] : conf) {
    bool is_known = true;
    try {
      (void)known.is_set(name);
    } catch (const usage_error&) {
      is_known = false;
    }
    if (is_known) known.set(name, value);
  }
  return known;
}

}  // namespace

runner::runner(std::string name, const std::string& master,
               const std::vector<std::pair<std::string, std::string>>& conf, bool stepped) {
  const program::master where = program::parse_master(master);
  threads_ = where.threads;
  detail::engine::options o;
  o.name = std::move(name);
  o.threads = where.threads;
  o.conf = known_of(conf);
  o.max_failures = where.max_failures;
  if (where.max_failures == 1 && o.conf.is_set("task.maxFailures"))
    o.max_failures = static_cast<int>(o.conf.integer("task.maxFailures"));
  if (stepped) {
    // A day after 1970: times before are hard to print in some time zones.
    manual_ = std::make_unique<detail::manual_clock>(detail::time_point_ms(std::chrono::hours(24)));
    o.time = manual_.get();
  }
  core_ = std::make_shared<detail::engine>(std::move(o));
  status_ = std::make_unique<job_status>(core_->events());
}

void runner::start_workers(int server, std::chrono::milliseconds patience) {
  workers_ = std::make_shared<worker_pool>(server, patience);
  workers_->prepare(threads_);
}

void runner::stop() {
  core_->stop();
  if (workers_ != nullptr) workers_->stop();
}

void runner::run(ticket& t, const std::function<void()>& jobs) {
  {
    const std::lock_guard lock(mutex_);
    running_.insert(&t);
  }
  struct leave {
    runner& all;
    ticket& t;
    const std::atomic<bool>* outer = std::exchange(job_cancelled, &t.cancel);
    ~leave() {
      job_cancelled = outer;
      const std::lock_guard lock(all.mutex_);
      all.running_.erase(&t);
    }
  } leaving{*this, t};

  detail::set_job_group(*core_, {t.group, {}});
  detail::job_lane own(&t.cancel);
  std::optional<detail::lane_scope> lane;
  if (!in_batch()) lane.emplace(own);
  jobs();
}

std::vector<std::shared_ptr<detail::row_buffer>> runner::run(const detail::node_ptr& dataset,
                                                             const std::vector<int>& partitions,
                                                             std::string_view action, ticket& t) {
  const detail::job what{
      dataset, partitions, action,
      [&dataset](detail::task_context& task, int partition) -> detail::task_result {
        auto rows = std::make_shared<detail::row_buffer>(dataset->rows());
        const auto from = task.open(*dataset, partition);
        while (from->step(rows->collector()) == detail::flow::more)
          if (task.cancelled()) break;
        return rows;
      }};
  std::vector<std::shared_ptr<detail::row_buffer>> all;
  run(t, [&] {
    for (auto& result : detail::run_job(what))
      all.push_back(std::static_pointer_cast<detail::row_buffer>(std::move(result)));
  });
  return all;
}

void runner::cancel(const std::string* group) {
  const std::lock_guard lock(mutex_);
  for (ticket* const t : running_)
    if (group == nullptr || t->group == *group) t->cancel = true;
}

void runner::cancel_tagged(const std::string& tag) {
  const std::lock_guard lock(mutex_);
  for (ticket* const t : running_)
    if (std::ranges::find(t->tags, tag) != t->tags.end()) t->cancel = true;
}

}  // namespace millrace::python
