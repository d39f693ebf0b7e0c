#include "millrace/detail/base/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/edit_distance.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

using type = setting_type;

// Sorted by name. What is not here does not exist: a setting is added together with its reader.
constexpr std::array table{
    setting_info{"deadLetters.directory", type::text, "",
                 "where bad records are kept; unset: dead_letters in the checkpoint directory"},
    setting_info{"deadLetters.maxBytes", type::size, "1g",
                 "bytes that kept bad records may have; a further one is a failure", 1},
    setting_info{"default.parallelism", type::integer, "",
                 "partitions where an operation is given no number; unset: one a core", 1},
    setting_info{"event.log", type::text, "",
                 "file to which every event is appended as a JSON line; unset: "
                 "MILLRACE_EVENT_LOG of the environment, else none"},
    setting_info{"files.maxLineBytes", type::size, "64m",
                 "longest line that a text file may hold; a longer one fails the task", 1},
    setting_info{"hadoop.validateOutputSpecs", type::boolean, "true",
                 "refuse to save into a directory that exists"},
    setting_info{"local.block.size", type::size, "32m",
                 "largest part of a local file that one partition reads", 1},
    setting_info{"local.dir", type::text, "",
                 "directory for what does not fit in memory; unset: TMPDIR of the environment, "
                 "else /var/tmp"},
    setting_info{"log.level", type::text, "warn", "debug, info, warn, error or off"},
    setting_info{"memory.budget", type::size, "",
                 "memory for tables, sorts, groups, map outputs and kept partitions; past it they "
                 "go to disk; unset: three fifths of what the machine or the cgroup has",
                 1 << 20},
    setting_info{"streaming.backpressure.enabled", type::boolean, "false",
                 "slow sources down to what batches can work on, by the last batches' times"},
    setting_info{"streaming.backpressure.initialRate", type::number, "",
                 "records a second that a source may bring before that is known; unset: 1000, "
                 "doubled by each batch"},
    setting_info{"streaming.backpressure.pid.derived", type::number, "0",
                 "weight of the error's change"},
    setting_info{"streaming.backpressure.pid.integral", type::number, "0.2",
                 "weight of what waits"},
    setting_info{"streaming.backpressure.pid.minRate", type::number, "100",
                 "records a second that a source may bring whatever is estimated"},
    setting_info{"streaming.backpressure.pid.proportional", type::number, "1",
                 "weight of the error: the last rate less what a batch worked on"},
    setting_info{"streaming.backpressure.rateEstimator", type::text, "pid", "pid is the only one"},
    setting_info{"streaming.blockInterval", type::duration, "200ms",
                 "a receiver's rows of so long make a block; a block is a partition", 1'000'000},
    setting_info{"streaming.checkpoint.directory", type::text, "",
                 "as the streaming context's checkpoint; unset: none"},
    setting_info{"streaming.checkpoint.interval", type::duration, "",
                 "time between two checkpoints of positions and state; unset: the batch interval, "
                 "1 s at least",
                 0},
    setting_info{"streaming.concurrentJobs", type::integer, "1",
                 "jobs of batches that may run at the same time", 1},
    setting_info{"streaming.fileStream.minRememberDuration", type::duration, "60s",
                 "how long a file must be gone from a stream's directory to be forgotten", 0},
    setting_info{"streaming.gracefulStopTimeout", type::duration, "",
                 "how long a graceful stop may take; unset: ten batch intervals", 0},
    setting_info{"streaming.maxWaitingBatches", type::integer, "1000",
                 "so many batches may wait for one that takes long; then sources wait too", 1},
    setting_info{"streaming.onBatchFailure", type::text, "stop",
                 "stop; park: with a checkpoint directory the batch is kept for a re-run and later "
                 "ones go on; report: later ones go on, and where it can be kept the next start "
                 "runs it again"},
    setting_info{"streaming.receiver.maxBytes", type::size, "64m",
                 "unread bytes that a receiver holds before it pauses reading", 1},
    setting_info{"streaming.receiver.maxRate", type::number, "",
                 "records a second that each source may bring; unset: any"},
    setting_info{"streaming.receiver.writeAheadLog.enable", type::boolean, "false",
                 "write what receivers get to the checkpoint directory before batches read it"},
    setting_info{"streaming.receiverRestartDelay", type::duration, "2s",
                 "how long a receiver that restarts waits before it begins again", 0},
    setting_info{"streaming.recovery.dropUnmatched", type::boolean, "false",
                 "start even if the program has no place for all that the checkpoint holds, and "
                 "lose the rest"},
    setting_info{"streaming.recovery.mergeMissedBatches", type::boolean, "false",
                 "batches whose time passed while the program was down become one: the newest"},
    setting_info{"streaming.state.cache", type::size, "256m",
                 "memory of the store of state on disk: what is asked for often, and what is not "
                 "written yet",
                 8 << 20},
    setting_info{"streaming.state.store", type::text, "memory",
                 "where state and windows keep their keys and values: memory, or rocksdb for more "
                 "than fits in it (link millrace::rocksdb)"},
    setting_info{"streaming.stopGracefullyOnShutdown", type::boolean, "true",
                 "whether SIGTERM and SIGINT finish the batches whose data has arrived"},
    setting_info{"task.maxFailures", type::integer, "",
                 "attempts of a task before its job fails; unset: 1 in local[N], F in "
                 "local[N,F], 4 on a cluster",
                 1},
    setting_info{"task.warnAfter", type::duration, "1min",
                 "a task that runs for so long is named in the log and as an event; 0: never", 0},
};
static_assert(std::is_sorted(table.begin(), table.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string result{text};
  for (char& c : result) c = lower(c);
  return result;
}

std::string quoted(std::string_view text) { return "\"" + std::string{text} + "\""; }

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// What makes two spellings of a name the same: `spark.` less, any case, no underscores.
std::string folded(std::string_view name) {
  constexpr std::string_view prefix = "spark.";
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  std::string result = lower(name);
  std::erase(result, '_');
  return result;
}

const setting_info& find(std::string_view name) {
  const std::string wanted = folded(name);
  const setting_info* nearest = nullptr;
  std::size_t least = SIZE_MAX;
  for (const setting_info& info : table) {
    const std::string known = folded(info.name);
    if (known == wanted) return info;
    const std::size_t distance = edit_distance(known, wanted);
    if (distance < least) {
      least = distance;
      nearest = &info;
    }
  }
  throw usage_error{"there is no such setting; the nearest is " + quoted(nearest->name) + ": " +
                    quoted(name)};
}

template <class Number>
bool parse_whole(std::string_view text, Number& value) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc{} && end == text.data() + text.size();
}

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array duration_units{
    unit{"", 1'000'000},          unit{"us", 1'000},
    unit{"ms", 1'000'000},        unit{"s", 1'000'000'000},
    unit{"m", 60'000'000'000},    unit{"min", 60'000'000'000},
    unit{"h", 3'600'000'000'000}, unit{"d", 86'400'000'000'000},
};

constexpr std::array size_units{
    unit{"", 1},           unit{"b", 1},           unit{"k", 1ULL << 10}, unit{"kb", 1ULL << 10},
    unit{"m", 1ULL << 20}, unit{"mb", 1ULL << 20}, unit{"g", 1ULL << 30}, unit{"gb", 1ULL << 30},
    unit{"t", 1ULL << 40}, unit{"tb", 1ULL << 40},
};

/// `form` says in words what was expected. The result fits an int64.
std::int64_t parse_with_unit(std::string_view text, std::span<const unit> units,
                             std::string_view form) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string unit_name = lower(text.substr(digits));
  std::uint64_t count = 0;
  const auto found =
      std::find_if(units.begin(), units.end(), [&](const unit& u) { return u.name == unit_name; });
  if (digits == 0 || found == units.end()) {
    throw usage_error{"expected " + std::string{form} + ": " + quoted(text)};
  }
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!parse_whole(text.substr(0, digits), count) || count > most / found->factor) {
    throw usage_error{"expected " + std::string{form} + ", and this is too large: " + quoted(text)};
  }
  return static_cast<std::int64_t>(count * found->factor);
}

std::int64_t parse_integer(std::string_view text) {
  std::int64_t value = 0;
  if (!parse_whole(text, value)) throw usage_error{"expected an integer: " + quoted(text)};
  return value;
}

double parse_number(std::string_view text) {
  double value = 0;
  if (!parse_whole(text, value) || !std::isfinite(value)) {
    throw usage_error{"expected a number: " + quoted(text)};
  }
  return value;
}

bool parse_boolean(std::string_view text) {
  if (lower(text) == "true") return true;
  if (lower(text) == "false") return false;
  throw usage_error{"expected true or false: " + quoted(text)};
}

void check(const setting_info& info, std::string_view value) {
  std::int64_t measure = std::numeric_limits<std::int64_t>::max();
  switch (info.type) {
    case type::text:
      if (info.name == "log.level") (void)parse_log_level(value);
      break;
    case type::integer: measure = parse_integer(value); break;
    case type::number: (void)parse_number(value); break;
    case type::boolean: (void)parse_boolean(value); break;
    case type::duration: measure = parse_duration(value).count(); break;
    case type::size: measure = static_cast<std::int64_t>(parse_size(value)); break;
  }
  if (measure < info.minimum) {
    const auto least = info.type == type::duration ? std::to_string(info.minimum / 1'000'000) + "ms"
                                                   : std::to_string(info.minimum);
    throw usage_error{"expected at least " + least + ": " + quoted(value)};
  }
}

}  // namespace

std::span<const setting_info> known_settings() { return table; }

std::chrono::nanoseconds parse_duration(std::string_view text) {
  return std::chrono::nanoseconds{parse_with_unit(
      text, duration_units, "a duration like 200ms, 1s or 2min (us, ms, s, min, h, d)")};
}

std::uint64_t parse_size(std::string_view text) {
  return static_cast<std::uint64_t>(
      parse_with_unit(text, size_units, "a size like 64k, 512m or 2g (b, k, m, g, t)"));
}

settings::settings(std::span<const pair> pairs) {
  for (const auto& [name, value] : pairs) set(name, value);
}

void settings::set(std::string_view name, std::string_view value) {
  const setting_info& info = find(trimmed(name));
  value = trimmed(value);
  try {
    check(info, value);
  } catch (const usage_error& e) {
    throw usage_error{"the setting " + std::string{info.name} + " can't be set: " + e.what()};
  }
  const auto place =
      std::lower_bound(pairs_.begin(), pairs_.end(), info.name,
                       [](const pair& p, std::string_view wanted) { return p.first < wanted; });
  if (place != pairs_.end() && place->first == info.name) {
    place->second = value;
  } else {
    pairs_.insert(place, pair{info.name, value});
  }
}

void settings::set(std::string_view name_and_value) {
  const auto equals = name_and_value.find('=');
  if (equals == std::string_view::npos) {
    throw usage_error{"a setting is given as name=value: " + quoted(name_and_value)};
  }
  set(name_and_value.substr(0, equals), name_and_value.substr(equals + 1));
}

bool settings::is_set(std::string_view name) const {
  const setting_info& info = find(name);
  return std::any_of(pairs_.begin(), pairs_.end(),
                     [&](const pair& p) { return p.first == info.name; });
}

std::string settings::text(std::string_view name) const {
  const setting_info& info = find(name);
  for (const auto& [set_name, value] : pairs_) {
    if (set_name == info.name) return value;
  }
  return std::string{info.initial};
}

std::int64_t settings::integer(std::string_view name) const {
  return parse_integer(value_of(name, type::integer));
}
double settings::number(std::string_view name) const {
  return parse_number(value_of(name, type::number));
}
bool settings::boolean(std::string_view name) const {
  return parse_boolean(value_of(name, type::boolean));
}
std::chrono::nanoseconds settings::duration(std::string_view name) const {
  return parse_duration(value_of(name, type::duration));
}
std::uint64_t settings::size(std::string_view name) const {
  return parse_size(value_of(name, type::size));
}

std::string settings::value_of(std::string_view name, setting_type wanted) const {
  const setting_info& info = find(name);
  if (info.type != wanted) throw error{"the setting is of another type: " + std::string{info.name}};
  std::string value = text(name);
  if (value.empty()) {
    throw error{"the setting has neither a value nor a default: " + std::string{info.name}};
  }
  return value;
}

}  // namespace millrace::detail
