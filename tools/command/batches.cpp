// millrace batches list|retry|discard DIR
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "commands.hpp"
#include "streaming/recovery/checkpoint_directory.hpp"
#include "streaming/recovery/parked_batches.hpp"

namespace millrace::command {
namespace {

using namespace detail;

const char* words(batch_status status) {
  switch (status) {
    case batch_status::pending: return "runs again at the next start";
    case batch_status::committed: return "done";
    case batch_status::parked: break;
  }
  return "parked";
}

void list(const std::string& directory) {
  const directory_contents contents = read_contents(file_system_for(directory), directory);
  if (!contents.now) {
    std::printf("no checkpoint\n");
    return;
  }
  const std::vector<parked_request> requests =
      parked_requests(file_system_for(directory), directory);
  for (const logged_batch& batch : contents.now->batches) {
    if (batch.status == batch_status::committed) continue;
    std::string text = words(batch.status);
    if (const auto asked = asked_for(requests, batch.time))
      text += *asked == log_record::kind::retried ? ", to be run again" : ", to be given up";
    std::printf("%s  %s%s%s\n", in_ms(batch.time).c_str(), text.c_str(),
                batch.reason.empty() ? "" : ": ", batch.reason.c_str());
  }
}

}  // namespace

void add_batches(CLI::App& app) {
  struct arguments {
    std::string directory;
    std::int64_t time = 0;
  };
  const auto given = std::make_shared<arguments>();
  CLI::App* const batches = app.add_subcommand("batches", "Batches that failed and were parked");
  batches->require_subcommand(1);
  const auto add = [&](const char* name, const char* text, bool timed) {
    CLI::App* const one = batches->add_subcommand(name, text);
    one->add_option("directory", given->directory, "the checkpoint directory")->required();
    if (timed) one->add_option("time", given->time, "of the batch, in ms since 1970")->required();
    return one;
  };
  const auto time = [given] { return time_point_ms(std::chrono::milliseconds(given->time)); };
  add("list", "Batches that are not done, and why", false)->callback([given] {
    list(given->directory);
  });
  add("retry", "The program runs the batch again: with its next batch, or when it is started", true)
      ->callback([given, time] {
        retry_parked(file_system_for(given->directory), given->directory, time());
      });
  add("discard", "The batch is given up", true)->callback([given, time] {
    discard_parked(file_system_for(given->directory), given->directory, time());
  });
}

}  // namespace millrace::command
