#include "streaming/recovery/checkpoint_directory.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <unordered_set>
#include <utility>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "streaming/recovery/checkpoint_file.hpp"

namespace millrace::detail {
namespace {

std::string numbered(const std::string& directory, std::string_view kind, std::uint64_t number) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%010llu", static_cast<unsigned long long>(number));
  return directory + "/" + std::string(kind) + "-" + digits;
}

std::string_view name_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// What a checkpoint needs besides itself and the logs from it on.
std::vector<std::string> files_of(const checkpoint& one) {
  std::vector<std::string> names;
  for (const checkpoint::state& state : one.states)
    for (const auto& pieces : state.partitions)
      for (const checkpoint::piece& piece : pieces) names.push_back(piece.file);
  return names;
}

}  // namespace

std::string log_path(const std::string& directory, std::uint64_t number) {
  return numbered(directory, "log", number);
}

checkpoint_directory::checkpoint_directory(file_system& files, std::string path)
    : files_(files), path_(std::move(path)) {
  while (path_.size() > 1 && path_.ends_with('/')) path_.pop_back();
  files_.make_directories(path_);
  lock_ = files_.lock(path_ + "/lock");
  if (lock_ == nullptr)
    throw usage_error(
        "another program is using this checkpoint directory; two would write over each other: \"" +
        path_ + "\"");
}

checkpoint_directory::~checkpoint_directory() = default;

directory_contents checkpoint_directory::take_over() {
  std::uint64_t newest = 0;  // the marks come in order of their names
  for (const file_info& file : files_.list(path_))
    if (const std::uint64_t epoch = number_of(file.path, "driver-"); epoch != 0)
      newest = std::max(newest, epoch);
  // First the mark: what an earlier run still gets done before it is read below, and what it does
  // after it that run knows not to count.
  claim(newest + 1);
  directory_contents contents = read_contents(files_, path_);
  if (contents.epoch >= epoch_) claim(contents.epoch + 1);  // somebody has removed marks
  for (auto one = contents.generations.rbegin(); one != contents.generations.rend(); ++one)
    if (one->content) remember(*one->content);
  return contents;
}

void checkpoint_directory::claim(std::uint64_t epoch) {
  epoch_ = epoch;
  const std::unique_ptr<output_file> mark = files_.create(path_of("driver", epoch_));
  mark->write("process " + std::to_string(::getpid()) + "\n");
  mark->sync();
  mark->close();
  files_.sync_directory(path_);
  for (const file_info& file : files_.list(path_))
    if (name_of(file.path).starts_with("driver-") &&
        name_of(file.path) != name_of(path_of("driver", epoch_)))
      files_.remove_tree(file.path);
}

std::function<void()> checkpoint_directory::owner_check() const {
  return [&files = files_, mark = path_of("driver", epoch_), path = path_] {
    if (files.exists(mark)) return;
    throw error(
        "this run may not write its checkpoints any more: another program has taken the directory "
        "over, or it was removed: \"" +
        path + "\"");
  };
}

void checkpoint_directory::write(const checkpoint& one) {
  check_owner();
  write_checkpoint(files_, path_, path_of("checkpoint", one.number), one);
  remember(one);
  remove_unneeded();
}

void checkpoint_directory::remove_state_of(std::uint64_t number) noexcept {
  try {
    const std::string state = path_of("state", number) + "-";
    for (const file_info& file : files_.list(path_))
      if (file.path.starts_with(state)) files_.remove_tree(file.path);
  } catch (const std::exception& e) {
    log_warn("what there is of a checkpoint could not be removed: " + describe(e));
  }
}

std::string checkpoint_directory::path_of(std::string_view kind, std::uint64_t number) const {
  return numbered(path_, kind, number);
}

void checkpoint_directory::remember(const checkpoint& one) {
  kept_.push_back({one.number, files_of(one)});
  while (kept_.size() > generations) kept_.pop_front();
}

/// What fails here costs space alone: it is said, and tried again after the next checkpoint.
void checkpoint_directory::remove_unneeded() {
  if (kept_.size() < generations) return;
  std::unordered_set<std::string_view> wanted;
  for (const needed& one : kept_)
    for (const std::string& file : one.files) wanted.insert(file);
  const std::string oldest_checkpoint = path_of("checkpoint", kept_.front().number);
  const std::string oldest_log = path_of("log", kept_.front().number);
  try {
    for (const file_info& file : files_.list(path_)) {
      const std::string_view name = name_of(file.path);
      const bool old = (name.starts_with("checkpoint-") && name < name_of(oldest_checkpoint)) ||
                       (name.starts_with("log-") && name < name_of(oldest_log));
      const bool state = name.starts_with("state-") && !wanted.contains(name) &&
                         name < name_of(path_of("state", kept_.back().number + 1));
      if (old || state) files_.remove_tree(file.path);
    }
  } catch (const error& e) {
    log_warn(std::string("old checkpoints could not be removed: ") + e.what());
  }
}

}  // namespace millrace::detail
