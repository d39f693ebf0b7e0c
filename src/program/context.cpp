#include "millrace/context.hpp"

#include <algorithm>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/error.hpp"
#include "program/make_engine.hpp"
#include "program/master.hpp"

namespace millrace {

std::shared_ptr<detail::engine> program::make_engine(const context_options& o,
                                                     detail::clock* time) {
  const program::master where = program::parse_master(o.master);
  detail::engine::options e;
  e.name = o.name;
  e.threads = where.threads;
  e.conf = detail::settings(o.conf);
  e.max_failures = where.max_failures;
  e.time = time;
  if (where.max_failures == 1 && e.conf.is_set("task.maxFailures"))
    e.max_failures = static_cast<int>(e.conf.integer("task.maxFailures"));
  return std::make_shared<detail::engine>(std::move(e));
}

namespace {

/// How many partitions files get that the program did not say a number for.
int file_partitions(const detail::engine& core, int asked) {
  return asked == 0 ? std::min(core.default_parallelism(), 2) : asked;
}

}  // namespace

context::context(context_options options) : core_(program::make_engine(options)) {}

rdd<std::int64_t> context::range(std::int64_t begin, std::int64_t end, std::int64_t step,
                                 std::optional<int> slices) const {
  return rdd<std::int64_t>(
      detail::from_range(core_, begin, end, step, slices.value_or(default_parallelism())));
}

rdd<std::string_view> context::text_file(const std::string& path, int min_partitions) const {
  return rdd<std::string_view>(
      detail::from_text_file(core_, path, file_partitions(*core_, min_partitions)));
}

rdd<std::pair<std::string, std::string>> context::whole_text_files(const std::string& path,
                                                                   int min_partitions) const {
  return rdd<std::pair<std::string, std::string>>(detail::from_whole_files(
      core_, "whole_text_files", path, file_partitions(*core_, min_partitions), true));
}

rdd<std::pair<std::string, std::string>> context::binary_files(const std::string& path,
                                                               int min_partitions) const {
  return rdd<std::pair<std::string, std::string>>(detail::from_whole_files(
      core_, "binary_files", path, file_partitions(*core_, min_partitions), false));
}

rdd<std::string_view> context::binary_records(const std::string& path, std::int64_t length) const {
  return rdd<std::string_view>(detail::from_binary_records(core_, path, length));
}

void context::checkpoint_directory(const std::string& directory) const {
  detail::set_checkpoint_directory(*core_, directory);
}

void context::set_job_group(std::string id, std::string description) const {
  detail::set_job_group(*core_, {std::move(id), std::move(description)});
}
void context::cancel_job_group(const std::string& id) const {
  detail::cancel_job_group(*core_, id);
}
void context::cancel_all_jobs() const { detail::cancel_all_jobs(*core_); }

int context::default_parallelism() const { return core_->default_parallelism(); }
const std::string& context::name() const { return core_->name(); }
void context::stop() const { core_->stop(); }

detail::node_ptr context::parallelize_rows(detail::row_buffer all,
                                           std::optional<int> slices) const {
  if (slices && *slices < 1)
    throw usage_error("parallelize: the number of partitions must be positive: " +
                      std::to_string(*slices));
  const auto n = static_cast<std::size_t>(slices.value_or(default_parallelism()));
  const std::size_t total = all.size();
  const detail::row_type& type = all.type();
  std::vector<detail::row_buffer_ptr> parts;
  if (n == 1) {
    parts.push_back(std::make_shared<detail::row_buffer>(std::move(all)));
  } else {
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t from = i * total / n;
      const std::size_t to = (i + 1) * total / n;
      auto part = std::make_shared<detail::row_buffer>(type);
      // Rows are moved; the views among them are copied, so that each part stands alone.
      for (std::size_t at = from; at < to; at += detail::chunk_rows)
        part->append(
            {all.row(at),
             static_cast<std::uint32_t>(std::min<std::size_t>(detail::chunk_rows, to - at)), true});
      parts.push_back(std::move(part));
    }
  }
  return detail::from_rows(core_, type, std::move(parts));
}

}  // namespace millrace
