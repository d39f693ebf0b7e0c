#include "streaming/recovery/parked_batches.hpp"

#include <algorithm>

#include "millrace/error.hpp"
#include "streaming/recovery/batch_log.hpp"
#include "streaming/recovery/checkpoint_directory.hpp"

namespace millrace::detail {
namespace {

/// A run of its own that logs one decision.
void decide(file_system& files, const std::string& path, time_point_ms time,
            log_record::kind decision) {
  if (!files.exists(path))
    throw usage_error("there is no such checkpoint directory: \"" + path + "\"");
  checkpoint_directory directory(files, path);
  directory_contents contents = directory.take_over();
  if (!contents.now) throw usage_error("there is no checkpoint in the directory: \"" + path + "\"");
  const auto& batches = contents.now->batches;
  const bool parked = std::any_of(batches.begin(), batches.end(), [&](const logged_batch& one) {
    return one.time == time && one.status == batch_status::parked;
  });
  if (!parked) throw usage_error("no batch of this time is parked: " + in_ms(time));
  checkpoint now = *std::move(contents.now);
  now.number = contents.highest + 1;
  now.epoch = directory.epoch();
  batch_log_writer log(files, log_path(directory.path(), now.number),
                       {now.number, now.epoch, contents.newest_log, contents.newest_log_entries});
  log_record record;
  record.what = decision;
  record.batch.time = time;
  log.append(record);
  log.close();
  directory.write(now);
}

}  // namespace

void retry_parked(file_system& files, const std::string& directory, time_point_ms batch) {
  decide(files, directory, batch, log_record::kind::retried);
}

void discard_parked(file_system& files, const std::string& directory, time_point_ms batch) {
  decide(files, directory, batch, log_record::kind::discarded);
}

}  // namespace millrace::detail
