// What becomes of batches that were parked. Whoever looks after a program asks for it by a small
// file in the checkpoint directory; the program takes that up with its next batch, or at its start.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "millrace/detail/storage/file_system.hpp"
#include "streaming/recovery/checkpoint.hpp"

namespace millrace::detail {

/// The batch is to be run again. On the disk when it returns. usage_error: there is no such batch,
/// or it is not parked.
void retry_parked(file_system& files, const std::string& directory, time_point_ms batch);
/// The batch is given up. The same.
void discard_parked(file_system& files, const std::string& directory, time_point_ms batch);

/// What was asked for, and is not in the batch log.
struct parked_request {
  time_point_ms batch;
  log_record::kind what;  // retried, discarded
  std::string path;       // of the file that asks
};
/// In order of time.
std::vector<parked_request> parked_requests(file_system& files, const std::string& directory);
/// What is asked for a batch; none: nothing is.
std::optional<log_record::kind> asked_for(const std::vector<parked_request>& requests,
                                          time_point_ms batch);

}  // namespace millrace::detail
