// Where the tasks of a barrier stage meet.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace millrace::detail {

/// One attempt at a stage whose `tasks` run at the same time. Any thread.
class gathering {
 public:
  explicit gathering(int tasks) : said_(static_cast<std::size_t>(tasks)) {}

  int tasks() const { return static_cast<int>(said_.size()); }
  /// Waits until all have come, and brings what each said. Throws task_cancelled once broken up.
  std::vector<std::string> meet(int partition, std::string text);
  /// One of them will not come: the others wait no longer.
  void break_up();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> said_;
  std::vector<std::string> heard_;  // of the last meeting
  std::size_t here_ = 0;
  std::size_t meetings_ = 0;
  bool broken_ = false;
};

/// Which gathering the calling thread's task belongs to, until destroyed; null: none.
class gathering_scope {
 public:
  gathering_scope(gathering* all, int partition);
  ~gathering_scope();
  gathering_scope(const gathering_scope&) = delete;
  gathering_scope& operator=(const gathering_scope&) = delete;

 private:
  gathering* before_;
  int partition_before_;
};

}  // namespace millrace::detail
