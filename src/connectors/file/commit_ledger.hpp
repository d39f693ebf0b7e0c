// What an output has committed to a directory: docs/formats/file_sink.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/file/held_files.hpp"
#include "millrace/detail/file/part_files.hpp"
#include "millrace/detail/storage/file_system.hpp"

namespace millrace::detail {

/// Batches are milliseconds since 1970. A value: what is on disk is `read` and `write`.
class commit_ledger {
 public:
  /// A batch that is decided: what of its files has its name not yet, will get it.
  struct pending_batch {
    std::int64_t batch = 0;
    written_files files;
  };

  bool holds(std::int64_t batch) const;
  const std::optional<pending_batch>& pending() const { return pending_; }
  /// Files of batches up to the pending one that wait to be put together, the oldest first.
  const std::vector<held_file>& held() const { return held_; }
  /// The pending one has all its names by now, and this one is decided; `held` wait from now on.
  void decide(pending_batch next, std::vector<held_file> held = {});
  /// The pending one has all its names by now, and what was held becomes these files.
  void show(written_files joined);

  std::string text() const;
  /// Throws `error` with the path where it is not what `text` gave.
  static commit_ledger parse(std::string_view text, const std::string& path);

  /// An empty one where there is no file.
  static commit_ledger read(file_system& files, const std::string& path);
  /// Durable, and whole or not at all: by way of `aside`, on the same file system.
  void write(file_system& files, const std::string& path, const std::string& aside) const;

 private:
  // first, first + step … last: as batches come at regular times, there are few of them.
  struct run {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::int64_t step = 0;  // 0 where it is one batch
  };
  void add(std::int64_t batch);

  std::vector<run> committed_;
  std::optional<pending_batch> pending_;
  std::vector<held_file> held_;
};

}  // namespace millrace::detail
