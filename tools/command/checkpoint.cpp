// millrace checkpoint inspect|plan|verify DIR
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "commands.hpp"
#include "millrace/error.hpp"
#include "storage/framed_file.hpp"
#include "streaming/recovery/checkpoint_directory.hpp"
#include "streaming/recovery/kept_state.hpp"
#include "streaming/recovery/parked_batches.hpp"

namespace millrace::command {
namespace {

using namespace detail;

struct totals {
  std::size_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
};

totals of(const checkpoint::state& state) {
  totals sum;
  for (const auto& pieces : state.partitions)
    for (const checkpoint::piece& piece : pieces) {
      ++sum.files;
      sum.bytes += piece.bytes;
      sum.records += piece.records;
    }
  return sum;
}

std::size_t count(const checkpoint& in, batch_status status) {
  std::size_t n = 0;
  for (const logged_batch& batch : in.batches) n += batch.status == status ? 1 : 0;
  return n;
}

/// Throws where there is none.
directory_contents contents_of(const std::string& directory) {
  directory_contents contents = read_contents(file_system_for(directory), directory);
  if (!contents.now) throw usage_error("there is no checkpoint: \"" + directory + "\"");
  return contents;
}

void print_states(const checkpoint& now) {
  for (const checkpoint::state& state : now.states) {
    const kept_identity id{state.name, state.kind, state.fingerprint,
                           static_cast<int>(state.partitions.size())};
    const totals sum = of(state);
    std::printf("state         %s: %zu partitions, %zu files, %llu records, %llu bytes\n",
                id.description().c_str(), state.partitions.size(), sum.files,
                static_cast<unsigned long long>(sum.records),
                static_cast<unsigned long long>(sum.bytes));
  }
}

void inspect(const std::string& directory) {
  const directory_contents contents = contents_of(directory);
  const checkpoint& now = *contents.now;
  std::printf("application   %s\n", now.application.c_str());
  std::printf("batches       every %lld ms, the newest %s\n",
              static_cast<long long>(now.interval.count()), in_ms(now.last).c_str());
  std::printf("as of         %s, then %zu done, %zu begun, %zu parked\n", in_ms(now.as_of).c_str(),
              count(now, batch_status::committed), count(now, batch_status::pending),
              count(now, batch_status::parked));
  for (const checkpoint::input& input : now.inputs)
    std::printf(
        "input         %s: %s\n", input.name.c_str(),
        input.signature.empty() ? "can't be read again" : ("ranges of " + input.signature).c_str());
  print_states(now);
  for (const kept_value& value : now.accumulators)
    std::printf("accumulator   %s: %s\n", value.name.c_str(), value.signature.c_str());
  for (const auto& one : contents.generations)
    std::printf(
        "checkpoint    %llu, %s\n", static_cast<unsigned long long>(one.number),
        one.content ? ("run " + std::to_string(one.content->epoch)).c_str() : one.damage.c_str());
  for (const std::string& text : contents.notices) std::printf("note          %s\n", text.c_str());
}

/// What the next start of a program that fits would do.
void plan(const std::string& directory) {
  const directory_contents contents = contents_of(directory);
  const checkpoint& now = *contents.now;
  if (now.last == time_point_ms{}) {
    std::printf("no batch was logged: a program begins anew\n");
    return;
  }
  std::printf("brought back  positions of inputs and state as of %s\n", in_ms(now.as_of).c_str());
  for (const checkpoint::input& input : now.inputs)
    if (!input.signature.empty())
      std::printf("needs         input \"%s\", ranges of %s\n", input.name.c_str(),
                  input.signature.c_str());
  print_states(now);
  const std::vector<parked_request> requests =
      parked_requests(file_system_for(directory), directory);
  for (const logged_batch& batch : now.batches) {
    const auto asked = asked_for(requests, batch.time);
    if (batch.status == batch_status::pending || asked == log_record::kind::retried)
      std::printf("runs again    %s\n", in_ms(batch.time).c_str());
    else if (asked == log_record::kind::discarded)
      std::printf("given up      %s: %s\n", in_ms(batch.time).c_str(), batch.reason.c_str());
    else if (batch.status == batch_status::committed && !now.states.empty())
      std::printf("for its state %s\n", in_ms(batch.time).c_str());
    else if (batch.status == batch_status::parked)
      std::printf("stays parked  %s: %s\n", in_ms(batch.time).c_str(), batch.reason.c_str());
  }
  std::printf("then          from %s on\n", in_ms(now.last + now.interval).c_str());
}

void verify_file(const std::string& path) {
  framed_reader reader(file_system_for(path).open_read(path));
  framed_reader::frame frame;
  while (reader.next(frame)) {
  }
}

void verify(const std::string& directory) {
  const directory_contents contents = contents_of(directory);
  std::size_t damaged = 0;
  std::size_t files = 0;
  const auto report = [&](const std::string& text) {
    ++damaged;
    std::printf("damaged       %s\n", text.c_str());
  };
  for (const auto& one : contents.generations) {
    ++files;
    if (!one.content) {
      report(one.damage);
      continue;
    }
    for (const checkpoint::state& state : one.content->states)
      for (const auto& pieces : state.partitions)
        for (const checkpoint::piece& piece : pieces) {
          ++files;
          try {
            verify_file(directory + "/" + piece.file);
          } catch (const error& e) {
            report(e.what());
          }
        }
  }
  for (const std::string& text : contents.notices) std::printf("note          %s\n", text.c_str());
  if (damaged != 0)
    throw error("the directory is damaged, files: " + std::to_string(damaged) + " of " +
                std::to_string(files));
  std::printf("whole         %zu files and the batch logs\n", files);
}

}  // namespace

void add_checkpoint(CLI::App& app) {
  const auto directory = std::make_shared<std::string>();
  CLI::App* const checkpoint = app.add_subcommand("checkpoint", "What a directory holds");
  checkpoint->require_subcommand(1);
  const auto add = [&](const char* name, const char* text, void (*run)(const std::string&)) {
    CLI::App* const one = checkpoint->add_subcommand(name, text);
    one->add_option("directory", *directory, "the checkpoint directory")->required();
    one->callback([directory, run] { run(*directory); });
  };
  add("inspect", "What is there", inspect);
  add("plan", "What the next start of the program would do", plan);
  add("verify", "Reads every file and compares checksums", verify);
}

}  // namespace millrace::command
