// The bad records of a context: counted, told of, and kept where that is wanted.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "millrace/bad_record.hpp"
#include "millrace/detail/base/events.hpp"
#include "millrace/detail/base/settings.hpp"

namespace millrace::detail {

/// Any thread.
class bad_records {
 public:
  bad_records(const settings& conf, event_bus& events);
  ~bad_records();
  bad_records(const bad_records&) = delete;
  bad_records& operator=(const bad_records&) = delete;

  /// Where they are kept from now on if no setting says so: that of the stream that starts.
  void directory(std::string otherwise);
  /// usage_error: they are to be kept and there is no place. `source` is for the message.
  void check(on_bad_record policy, std::string_view source) const;

  /// Which stream and which batch it was for; -1: unknown.
  struct origin {
    std::int64_t stream = -1;
    std::int64_t batch_time = -1;  // milliseconds since 1970
  };
  /// As `millrace::reject`. What was kept survives the process's death when it returns, and a power
  /// cut after `sync`.
  void reject(on_bad_record policy, const bad_record& what, origin from);
  /// Before a batch that left records out is marked as done.
  void sync();
  /// Nothing is kept any more. What it would throw goes to the log.
  void close() noexcept;

 private:
  struct kept;

  event_bus& events_;
  std::uint64_t most_bytes_;
  bool set_;                  // the directory, by a setting
  mutable std::mutex mutex_;  // guards what follows
  std::string directory_;
  std::unique_ptr<kept> kept_;  // made when the first is kept
  struct counts;
  std::unique_ptr<counts> counts_;
};

}  // namespace millrace::detail
