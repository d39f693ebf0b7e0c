// Dead letters on disk: docs/formats/dead_letters.md.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/dead_letter.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "storage/log_file.hpp"

namespace millrace::detail {

/// The files of a directory that hold dead letters, oldest first.
std::vector<std::string> dead_letter_files(file_system& files, const std::string& directory);

/// Every letter of such a file, in order; `f` may throw. Returns a sentence for the log where the
/// end of the file is torn, else nothing. `error`: it is damaged.
std::string read_dead_letters(file_system& files, const std::string& path,
                              const std::function<void(dead_letter&&)>& f);

/// What makes two letters the same: source, position and bytes.
std::uint64_t identity_of(const dead_letter& letter);

/// Keeps letters in a file of its own, each one once however many files there are. Not thread-safe.
class dead_letter_writer {
 public:
  /// Reads what is there, for each letter is kept once; begins a file with the first new one.
  dead_letter_writer(file_system& files, std::string directory, std::uint64_t most_bytes);

  /// False: it was there. Throws `error` where it can't be written, or where all letters together
  /// would have more than `most_bytes`.
  bool add(const dead_letter& letter);
  /// Returns when all that was added would survive a power cut.
  void sync();
  /// Ends the file.
  void close();

 private:
  void begin();
  void leave() noexcept;

  file_system& files_;
  std::string directory_;
  std::uint64_t most_bytes_;
  std::uint64_t bytes_ = 0;  // of all files
  std::uint64_t next_file_ = 1;
  boost::unordered_flat_set<std::uint64_t> known_;
  std::vector<std::uint64_t> unsynced_;
  std::unique_ptr<log_writer> log_;
  log_entry entry_;
};

}  // namespace millrace::detail
