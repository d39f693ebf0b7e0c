#include "millrace/detail/engine/bad_records.hpp"

#include <bit>
#include <chrono>
#include <map>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"
#include "storage/dead_letter_files.hpp"

namespace millrace::detail {
namespace {

/// So many sources are counted apart; a program may make up any number of names.
constexpr std::size_t most_sources = 1000;

const char* name_of(on_bad_record policy) {
  switch (policy) {
    case on_bad_record::fail: return "fail";
    case on_bad_record::quarantine: return "quarantine";
    case on_bad_record::skip: break;
  }
  return "skip";
}

/// "file csv /in: field 3 is no number: /in/a.csv, line 7, 63 bytes"
std::string text_of(const bad_record& what) {
  std::string text(what.source);
  text += ": ";
  text += what.reason;
  text += ": ";
  if (!what.position.empty()) {
    text += what.position;
    text += ", ";
  }
  text += std::to_string(what.bytes.size());
  text += " bytes";
  return text;
}

}  // namespace

struct bad_records::counts {
  std::map<std::string, std::int64_t, std::less<>> of_source;
};

struct bad_records::kept {
  dead_letter_writer letters;
};

bad_records::bad_records(const settings& conf, event_bus& events)
    : events_(events),
      most_bytes_(conf.size("deadLetters.maxBytes")),
      set_(!conf.text("deadLetters.directory").empty()),
      directory_(conf.text("deadLetters.directory")),
      counts_(std::make_unique<counts>()) {}

bad_records::~bad_records() { close(); }

void bad_records::directory(std::string otherwise) {
  if (set_) return;
  close();
  const std::lock_guard lock(mutex_);
  directory_ = std::move(otherwise);
}

void bad_records::check(on_bad_record policy, std::string_view source) const {
  if (policy != on_bad_record::quarantine) return;
  const std::lock_guard lock(mutex_);
  if (!directory_.empty()) return;
  throw usage_error(
      "bad records are to be kept, and there is no place for them: set deadLetters.directory or a "
      "checkpoint directory: " +
      std::string(source));
}

void bad_records::reject(on_bad_record policy, const bad_record& what, origin from) {
  check(policy, what.source);
  const std::string text = text_of(what);
  std::int64_t total = 0;
  {
    const std::lock_guard lock(mutex_);
    if (policy == on_bad_record::quarantine) {
      if (kept_ == nullptr)
        kept_.reset(new kept{{file_system_for(directory_), directory_, most_bytes_}});
      dead_letter letter{
          std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()),
          {},
          std::string(what.source),
          std::string(what.position),
          std::string(what.reason),
          std::string(what.bytes)};
      if (from.batch_time != -1)
        letter.batch_time = time_point_ms(std::chrono::milliseconds(from.batch_time));
      kept_->letters.add(letter);
    }
    auto& counted = counts_->of_source;
    const bool room = counted.size() < most_sources;
    auto at = counted.find(what.source);
    if (at == counted.end())
      at = counted.try_emplace(room ? std::string(what.source) : std::string(), 0).first;
    total = ++at->second;
  }
  if (events_.wanted()) {
    event e{.what = event::kind::bad_record};
    e.stream = from.stream;
    e.batch_time = from.batch_time;
    e.records = total;
    e.description = name_of(policy);
    e.text = text;
    events_.publish(std::move(e));
  }
  if (policy == on_bad_record::fail)
    throw error(
        "a bad record; keep such records apart with "
        "mr::on_bad_record::quarantine, or leave them out with skip: " +
        text);
  if (std::has_single_bit(static_cast<std::uint64_t>(total)))
    log_warn(std::string(policy == on_bad_record::skip ? "left out" : "kept as a dead letter") +
             ", so far " + std::to_string(total) + ": " + text);
}

void bad_records::sync() {
  const std::lock_guard lock(mutex_);
  if (kept_ != nullptr) kept_->letters.sync();
}

void bad_records::close() noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (kept_ == nullptr) return;
    const std::unique_ptr<kept> last = std::move(kept_);
    last->letters.close();
  } catch (const std::exception& e) {
    log_error("dead letters may not be on the disk: " + describe(e));
  }
}

}  // namespace millrace::detail
