#include "streaming/recovery/parked_batches.hpp"

#include <algorithm>

#include "millrace/error.hpp"
#include "streaming/recovery/checkpoint_directory.hpp"

namespace millrace::detail {
namespace {

std::string place_in(const std::string& directory) { return directory + "/requests"; }

void ask(file_system& files, const std::string& directory, time_point_ms time, const char* what) {
  if (!files.exists(directory))
    throw usage_error("there is no such checkpoint directory: \"" + directory + "\"");
  const directory_contents contents = read_contents(files, directory);
  if (!contents.now)
    throw usage_error("there is no checkpoint in the directory: \"" + directory + "\"");
  const auto& batches = contents.now->batches;
  const bool parked = std::any_of(batches.begin(), batches.end(), [&](const logged_batch& one) {
    return one.time == time && one.status == batch_status::parked;
  });
  if (!parked) throw usage_error("no batch of this time is parked: " + in_ms(time));
  files.make_directories(place_in(directory));
  files.sync_directory(directory);
  const std::unique_ptr<output_file> file = files.create(
      place_in(directory) + "/" + what + "-" + std::to_string(time.time_since_epoch().count()));
  file->sync();
  file->close();
  files.sync_directory(place_in(directory));
}

}  // namespace

void retry_parked(file_system& files, const std::string& directory, time_point_ms batch) {
  ask(files, directory, batch, "retry");
}

void discard_parked(file_system& files, const std::string& directory, time_point_ms batch) {
  ask(files, directory, batch, "discard");
}

std::vector<parked_request> parked_requests(file_system& files, const std::string& directory) {
  std::vector<parked_request> all;
  if (!files.exists(place_in(directory))) return all;
  for (file_info& file : files.list(place_in(directory))) {
    const auto add = [&](std::string_view kind, log_record::kind what) {
      const std::uint64_t ms = number_of(file.path, kind);
      if (ms == 0) return;
      all.push_back({time_point_ms(std::chrono::milliseconds(static_cast<std::int64_t>(ms))), what,
                     file.path});
    };
    add("retry-", log_record::kind::retried);
    add("discard-", log_record::kind::discarded);
  }
  std::sort(all.begin(), all.end(),
            [](const parked_request& a, const parked_request& b) { return a.batch < b.batch; });
  return all;
}

std::optional<log_record::kind> asked_for(const std::vector<parked_request>& requests,
                                          time_point_ms batch) {
  const auto found = std::find_if(requests.begin(), requests.end(),
                                  [&](const parked_request& one) { return one.batch == batch; });
  return found == requests.end() ? std::nullopt : std::optional(found->what);
}

}  // namespace millrace::detail
