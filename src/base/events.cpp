#include "millrace/detail/base/events.hpp"

#include <charconv>
#include <utility>

#include "base/utf8.hpp"

namespace millrace::detail {
namespace {

void append_number(std::string& json, std::int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  json.append(digits, end);
}

void append_field(std::string& json, const char* name, std::int64_t value) {
  if (value == -1) return;
  json += ",\"";
  json += name;
  json += "\":";
  append_number(json, value);
}

void append_text(std::string& json, std::string_view text) {
  constexpr const char* digits = "0123456789abcdef";
  json += '"';
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      json += "\\ufffd";
    } else if (first == '"' || first == '\\') {
      json += '\\';
      json += text.front();
    } else if (first == '\n') {
      json += "\\n";
    } else if (first < 0x20 || first == 0x7f) {
      json += "\\u00";
      json += digits[first >> 4];
      json += digits[first & 15];
    } else {
      json += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  json += '"';
}

void append_field(std::string& json, const char* name, const std::string& text) {
  if (text.empty()) return;
  json += ",\"";
  json += name;
  json += "\":";
  append_text(json, text);
}

}  // namespace

const char* name_of(event::kind what) {
  switch (what) {
    case event::kind::job_started: return "job_started";
    case event::kind::job_ended: return "job_ended";
    case event::kind::job_failed: return "job_failed";
    case event::kind::stage_started: return "stage_started";
    case event::kind::stage_ended: return "stage_ended";
    case event::kind::stage_failed: return "stage_failed";
    case event::kind::task_started: return "task_started";
    case event::kind::task_ended: return "task_ended";
    case event::kind::task_failed: return "task_failed";
    case event::kind::task_spilled: return "task_spilled";
    case event::kind::block_to_disk: return "block_to_disk";
    case event::kind::block_dropped: return "block_dropped";
    case event::kind::task_slow: return "task_slow";
    case event::kind::executor_joined: return "executor_joined";
    case event::kind::executor_lost: return "executor_lost";
    case event::kind::streaming_started: return "streaming_started";
    case event::kind::streaming_behind: return "streaming_behind";
    case event::kind::streaming_stopped: return "streaming_stopped";
    case event::kind::streaming_failed: return "streaming_failed";
    case event::kind::batch_submitted: return "batch_submitted";
    case event::kind::batch_started: return "batch_started";
    case event::kind::batch_completed: return "batch_completed";
    case event::kind::batch_failed: return "batch_failed";
    case event::kind::output_operation_started: return "output_operation_started";
    case event::kind::output_operation_completed: return "output_operation_completed";
    case event::kind::output_operation_failed: return "output_operation_failed";
    case event::kind::receiver_started: return "receiver_started";
    case event::kind::receiver_error: return "receiver_error";
    case event::kind::receiver_stopped: return "receiver_stopped";
    case event::kind::bad_record: return "bad_record";
    case event::kind::measured: return "measured";
  }
  return "unknown";
}

std::string to_json_line(const event& happened) {
  std::string json = "{\"event\":\"";
  json += name_of(happened.what);
  json += '"';
  append_field(json, "time_us", happened.time.time_since_epoch().count());
  append_field(json, "job", happened.job);
  append_field(json, "stage", happened.stage);
  append_field(json, "partition", happened.partition);
  append_field(json, "attempt", happened.attempt);
  append_field(json, "slot", happened.slot);
  append_field(json, "epoch", happened.epoch);
  append_field(json, "stream", happened.stream);
  append_field(json, "batch_time", happened.batch_time);
  append_field(json, "output", happened.output);
  append_field(json, "records", happened.records);
  append_field(json, "bytes", happened.bytes);
  append_field(json, "scheduling_delay_us", happened.scheduling_delay.count());
  append_field(json, "processing_delay_us", happened.processing_delay.count());
  append_field(json, "duration_us", happened.duration.count());
  append_field(json, "group", happened.group);
  append_field(json, "description", happened.description);
  append_field(json, "text", happened.text);
  if (!happened.numbers.empty()) {
    char before = '{';
    json += ",\"numbers\":";
    for (const auto& [name, value] : happened.numbers) {
      json += std::exchange(before, ',');
      append_text(json, name);
      json += ':';
      append_number(json, value);
    }
    json += '}';
  }
  json += '}';
  return json;
}

}  // namespace millrace::detail
