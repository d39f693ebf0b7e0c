// The write-ahead log of one receiver stream (docs/formats/receiver_log.md).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "storage/log_file.hpp"

namespace millrace::detail {

/// Entries that are numbered without gaps, in files (segments) of a directory of its own. An entry
/// is *written* when it would survive the process, *durable* when it would survive a power cut.
///
/// Where a segment can't be written or synced it is left, and nothing in it that was not durable
/// counts; `try_again` begins another one with these entries, which are held in memory until they
/// are durable. Nothing is ever synced twice.
///
/// Any thread may call any member.
class receiver_log {
 public:
  struct options {
    file_system* files;
    std::string directory;
    std::string signature;  // what entries hold: "text", or the rows' signature
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;
    std::function<void()> check_owner{};  // throws where a newer run has taken over
  };
  /// Reads what is there: torn tails are left out, and the log says so. Throws `error` with path
  /// and offset where more than a tail is missing, and where it can't begin a segment of its own.
  /// `at_least`: the first new entry has no smaller number. `whole_from`: before this one entries
  /// may have been freed, from there on none may be missing.
  receiver_log(options o, std::uint64_t at_least, std::uint64_t whole_from = 1);
  receiver_log(const receiver_log&) = delete;
  receiver_log& operator=(const receiver_log&) = delete;

  /// Of the first entry that is there, and of the next one.
  std::uint64_t first() const;
  std::uint64_t next() const;
  /// All entries before this one are durable.
  std::uint64_t durable() const;

  /// Appends an entry of what `content` gives, which may throw and is called once; its number.
  /// Where it can't be written it waits in memory and the log is `failing`.
  std::uint64_t append(const std::function<void(byte_writer&)>& content);
  /// What was appended becomes durable; several threads share one wait for the disk. False: the log
  /// is failing.
  bool sync();
  /// Returns when all entries before this one are durable, however long the disk is full; false:
  /// the log was released first.
  bool await(std::uint64_t before);

  bool failing() const;
  /// Why. REQUIRES: it was failing.
  std::string failure() const;
  /// True: it was failing, and is not any more.
  bool try_again();

  /// The entry as it was appended. Throws `error` where it is not there or not whole.
  std::string read(std::uint64_t entry) const;
  /// Numbers of entries, `end` excluded.
  struct entries {
    std::uint64_t first;
    std::uint64_t end;
  };
  /// Entries before this one will not be asked for, but for those that are needed: segments that
  /// hold no others are removed. Others may append meanwhile.
  void free(std::uint64_t before, std::span<const entries> needed = {});
  /// `await` waits no longer for a disk that is full.
  void release();
  /// What was appended is made durable, if that can be, and the end of the segment is marked.
  void close() noexcept;

 private:
  struct segment {
    std::uint64_t number;
    std::string path;
    std::uint64_t first;                 // entry
    std::vector<std::uint64_t> offsets;  // of its entries
  };
  using lock_type = std::unique_lock<std::mutex>;

  void read_segments(std::uint64_t whole_from);
  void read_segment(const std::string& path, std::uint64_t whole_from);
  std::string path_of(std::uint64_t number) const;
  bool remove(const std::string& path) const noexcept;
  void begin_segment(std::uint64_t first);
  void write(log_entry& entry);
  void now_durable(std::uint64_t before);
  void fail() noexcept;
  bool sync(lock_type& lock);
  void roll(lock_type& lock);

  const options options_;
  std::uint64_t epoch_ = 1;  // of this run: one more than any before

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<segment> segments_;  // the last one is being written, unless the log is failing
  std::uint64_t next_number_ = 1;
  std::shared_ptr<log_writer> file_;  // of the last segment; null: failing
  std::deque<log_entry> unsynced_;    // entries [durable_, next_)
  log_entry spare_;                   // its memory is for the next one
  std::uint64_t next_ = 1;
  std::uint64_t durable_ = 1;
  bool syncing_ = false;
  std::size_t awaiting_ = 0;  // threads in `await`
  bool released_ = false;
  bool closed_ = false;
  std::string failure_;
};

}  // namespace millrace::detail
