// A directory of checkpoints and batch logs: who may write there, what is there, what may go.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/storage/file_system.hpp"
#include "streaming/recovery/checkpoint.hpp"

namespace millrace::detail {

/// What a directory holds, for whoever looks: a start, or `millrace checkpoint`.
struct directory_contents {
  struct generation {
    std::uint64_t number;
    std::string path;
    std::optional<checkpoint> content;  // none: it can't be read
    std::string damage;
  };
  std::vector<generation> generations;  // the newest first
  /// The newest that can be read, with the logs from it on; none: there is no checkpoint.
  std::optional<checkpoint> now;
  std::uint64_t newest_log = 0;  // the last that counts; 0: none
  std::uint64_t newest_log_entries = 0;
  std::uint64_t highest = 0;  // number of any checkpoint or log
  std::uint64_t epoch = 0;    // of the last run that wrote any of this
  /// What somebody should know: a torn tail, a checkpoint that was damaged.
  std::vector<std::string> notices;

  /// Where a run begins to number. Runs between the last that wrote anything and this one may have
  /// been taken over before they did, and yet write the files of two numbers each.
  std::uint64_t next_number(std::uint64_t of_run) const { return highest + 2 * (of_run - epoch); }
};

/// Reads without writing. Throws `error` with path and offset where no checkpoint can be read, or a
/// log is damaged: older ones are not taken silently where newer batches would be lost.
directory_contents read_contents(file_system& files, const std::string& directory);

std::string log_path(const std::string& directory, std::uint64_t number);
/// The number in "…/kind-0000000012"; 0: it is no such file.
std::uint64_t number_of(std::string_view path, std::string_view kind);

/// One run's claim on a directory. The lock keeps others out for as long as this lives; where it
/// does not reach (a driver that was cut off and comes back), the mark of a newer run does: every
/// write looks whether ours is still there.
class checkpoint_directory {
 public:
  /// So many checkpoints stay.
  static constexpr std::size_t generations = 3;

  /// Makes the directory. usage_error: another program has it.
  checkpoint_directory(file_system& files, std::string path);
  ~checkpoint_directory();
  checkpoint_directory(const checkpoint_directory&) = delete;
  checkpoint_directory& operator=(const checkpoint_directory&) = delete;

  file_system& files() const { return files_; }
  const std::string& path() const { return path_; }
  std::uint64_t epoch() const { return epoch_; }

  /// From now on this run alone may write; what runs before it write from now on does not count.
  /// What was there is returned.
  directory_contents take_over();
  /// Throws `error` when a newer run has taken over. Asked *after* something was synced, it says
  /// whether that counts: a newer run reads what is there once it has taken over.
  void check_owner() const { owner_check()(); }
  /// `check_owner` for whoever may outlive this.
  std::function<void()> owner_check() const;

  /// Writes the checkpoint, on the disk when it returns, and removes what the newest three do not
  /// need. One thread at a time. Throws `error`.
  void write(const checkpoint& one);
  /// Makes room: state that was written for a checkpoint of this number, which is not going to be.
  void remove_state_of(std::uint64_t number) noexcept;

 private:
  struct needed {
    std::uint64_t number;
    std::vector<std::string> files;
  };
  std::string path_of(std::string_view kind, std::uint64_t number) const;
  void claim(std::uint64_t epoch);
  void remember(const checkpoint& one);
  void remove_unneeded();

  file_system& files_;
  std::string path_;
  std::unique_ptr<file_lock> lock_;
  std::uint64_t epoch_ = 0;
  std::deque<needed> kept_;  // the newest last
};

}  // namespace millrace::detail
