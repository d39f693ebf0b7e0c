// The door to datasets: a context runs jobs on this machine's cores.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/accumulator.hpp"
#include "millrace/broadcast.hpp"
#include "millrace/detail/engine/engine.hpp"
#include "millrace/rdd.hpp"

namespace millrace {

struct context_options {
  /// Shown in logs, events and errors.
  std::string name = "millrace";
  /// `local` (one thread), `local[N]`, `local[*]` (a thread a core that this process may use),
  /// `local[N,F]` and `local[*,F]` (a task may fail F - 1 times and is tried again).
  std::string master = "local[*]";
  /// `name = value` settings with Spark's names, `spark.` optional. An unknown one is refused.
  std::vector<std::pair<std::string, std::string>> conf = {};
};

/// A handle: copies share one engine, which ends with `stop()` or with the last handle and dataset.
/// All members may be called from any thread.
/// Errors: `usage_error` for a wrong master or setting, and for using a stopped context.
class context {
 public:
  explicit context(context_options options);

  /// A dataset of the rows of any range, cut into `slices` (> 0) partitions of nearly equal size,
  /// in order (default: `default_parallelism()`). The rows are copied now; what they view is copied
  /// too.
  template <class Range>
    requires requires(Range&& r) { std::begin(r), std::end(r); }
  auto parallelize(Range&& range, std::optional<int> slices = {}) const {
    using T = typename detail::row_of_iterator<decltype(std::begin(range))>::type;
    return parallelize_between<T>(std::begin(range), std::end(range), slices);
  }
  template <class T>
  rdd<T> parallelize(std::initializer_list<T> list, std::optional<int> slices = {}) const {
    return parallelize_between<T>(list.begin(), list.end(), slices);
  }
  /// sc.parallelize({"a", "b"}): pointers cannot be rows, what they point at can.
  rdd<std::string> parallelize(std::initializer_list<const char*> list,
                               std::optional<int> slices = {}) const {
    return parallelize_between<std::string>(list.begin(), list.end(), slices);
  }

  /// begin, begin + step, … before `end`; made while it is read. `step` may be negative, not zero.
  rdd<std::int64_t> range(std::int64_t begin, std::int64_t end, std::int64_t step = 1,
                          std::optional<int> slices = {}) const;
  rdd<std::int64_t> range(std::int64_t end) const { return range(0, end); }

  /// A dataset without partitions.
  template <class T>
  rdd<T> empty() const {
    return rdd<T>(detail::from_rows(core_, detail::row_type_of<T>(), {}));
  }

  /// The lines of a file, of a directory's files, or of all that a glob names, as views into the
  /// blocks that are read. Lines end with "\n", "\r\n" or "\r"; the last may lack its end. Large
  /// files are split at line ends: `min_partitions` (default: 2, or less with fewer cores) is a
  /// hint, as in Spark. The files are listed now and read when a job runs. Errors: `usage_error`
  /// where nothing matches.
  /// `.gz`, `.zst`, `.lz4` (frames) and `.bz2` files are decompressed, each as one partition.
  /// `hdfs://`, `s3://` and the like need their target linked: `usage_error` names it.
  rdd<std::string_view> text_file(const std::string& path, int min_partitions = 0) const;
  /// (path, content) of each file, many small files a partition; a file must fit into memory.
  /// Text files are decompressed as by `text_file`, binary ones are not.
  rdd<std::pair<std::string, std::string>> whole_text_files(const std::string& path,
                                                            int min_partitions = 0) const;
  rdd<std::pair<std::string, std::string>> binary_files(const std::string& path,
                                                        int min_partitions = 0) const;
  /// `length` bytes each (> 0), as views into what was read. A file whose size is no multiple is a
  /// `usage_error`.
  rdd<std::string_view> binary_records(const std::string& path, std::int64_t length) const;
  /// What `rdd<T>::save_as_object_file` wrote (the directory, or files of it), a partition a file.
  /// Rows of another type are a `usage_error` of the action, a damaged file an error that says
  /// where.
  template <class T>
  rdd<T> object_file(const std::string& path) const {
    return rdd<T>(detail::from_object_file(core_, detail::row_type_of<T>(), path));
  }

  /// The partitions of all, one after another.
  template <class T, class... More>
  rdd<T> union_of(const rdd<T>& first, const More&... more) const {
    static_assert((std::is_same_v<More, rdd<T>> && ...),
                  "millrace: a union is of datasets with rows of one type; map them to it first.");
    return union_of(std::vector<rdd<T>>{first, more...});
  }
  template <class T>
  rdd<T> union_of(const std::vector<rdd<T>>& all) const {
    std::vector<detail::node_ptr> nodes;
    for (const rdd<T>& one : all) nodes.push_back(one.node());
    return rdd<T>(detail::union_of(core_, detail::row_type_of<T>(), std::move(nodes)));
  }

  /// Where `rdd::checkpoint` writes, in a directory of this run's own; made now. The files stay.
  void checkpoint_directory(const std::string& directory) const;

  /// A value that functions share by capturing the handle.
  template <class T>
  millrace::broadcast<std::decay_t<T>> broadcast(T&& value) const {
    return millrace::broadcast<std::decay_t<T>>(std::forward<T>(value));
  }
  /// A sum that tasks add to and the driver reads. `name` is for errors and checkpoints.
  template <class T>
  millrace::accumulator<T> accumulator(std::string name = {}, T initial = T()) const {
    millrace::accumulator<T> made(std::move(name), std::move(initial));
    core_->accumulators().add(made.core());
    return made;
  }

  /// The jobs that this thread begins on this context from now on belong to the group `id`, which
  /// `cancel_job_group` ends, from any thread. Events show it, and the description.
  void set_job_group(std::string id, std::string description = {}) const;
  void clear_job_group() const { set_job_group({}); }
  /// Ends the jobs of the group that run now. Each action throws an `error` that says so, as soon
  /// as its tasks have done with the few rows that they work on: within 100 ms, unless a function
  /// takes longer for a row.
  void cancel_job_group(const std::string& id) const;
  void cancel_all_jobs() const;

  /// Threads that run tasks, or what `default.parallelism` says.
  int default_parallelism() const;
  const std::string& name() const;

  /// Ends running jobs with an error and all threads. Idempotent. Datasets can't be computed after
  /// it.
  void stop() const;

  /// For the engine.
  const std::shared_ptr<detail::engine>& core() const { return core_; }
  template <std::same_as<std::shared_ptr<detail::engine>> Core>  // so that {} is never one
  explicit context(Core core) : core_(std::move(core)) {}

 private:
  template <class T, class Iterator, class End>
  rdd<T> parallelize_between(Iterator at, End end, std::optional<int> slices) const {
    detail::row_buffer all(detail::row_type_of<T>());
    for (; at != end; ++at) detail::add_row<T>(all, *at);
    return rdd<T>(parallelize_rows(std::move(all), slices));
  }
  detail::node_ptr parallelize_rows(detail::row_buffer all, std::optional<int> slices) const;

  std::shared_ptr<detail::engine> core_;
};

}  // namespace millrace
