#include "millrace/detail/base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/utf8.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

struct log_state {
  std::atomic<log_level> level{log_level::warn};
  std::mutex mutex;  // guards the rest, and every call of the sink
  log_sink sink = nullptr;
  void* sink_state = nullptr;
  std::shared_ptr<spdlog::logger> to_stderr;
};

log_state& state() {
  static log_state* const only = new log_state;  // never destroyed: destructors may still log
  return *only;
}

void append_escaped_byte(std::string& line, char byte) {
  constexpr const char* digits = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(byte);
  line += "\\x";
  line += digits[value >> 4];
  line += digits[value & 15];
}

std::string escape(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  while (!text.empty()) {
    const char first = text.front();
    std::size_t length = utf8_length(text);
    // U+0080 to U+009F are control characters too: a terminal may obey them.
    const bool control = static_cast<unsigned char>(first) < 0x20 || first == '\x7f' ||
                         (first == '\xc2' && length == 2 && text[1] < '\xa0');
    if (length != 0 && !control) {
      line += text.substr(0, length);
    } else {
      if (length == 0) length = 1;
      if (first == '\n') {
        line += "\\n";
      } else if (first == '\r') {
        line += "\\r";
      } else if (first == '\t') {
        line += "\\t";
      } else {
        for (const char byte : text.substr(0, length)) append_escaped_byte(line, byte);
      }
    }
    text.remove_prefix(length);
  }
  return line;
}

spdlog::level::level_enum level_of(log_level level) {
  switch (level) {
    case log_level::debug: return spdlog::level::debug;
    case log_level::info: return spdlog::level::info;
    case log_level::warn: return spdlog::level::warn;
    case log_level::error: return spdlog::level::err;
    case log_level::off: break;
  }
  return spdlog::level::off;
}

void write(log_level level, std::string_view text) noexcept {
  if (!log_wanted(level)) return;
  try {
    log_state& s = state();
    const std::string line = escape(text);
    const std::lock_guard lock{s.mutex};
    if (s.sink != nullptr) {
      s.sink(s.sink_state, level, line);
      return;
    }
    if (!s.to_stderr) {
      // Not registered with spdlog: the program may use spdlog itself, with names of its own.
      s.to_stderr = std::make_shared<spdlog::logger>(
          "millrace", std::make_shared<spdlog::sinks::stderr_sink_st>());
      s.to_stderr->set_level(spdlog::level::trace);
      s.to_stderr->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %n: %v");
    }
    s.to_stderr->log(level_of(level), line);
  } catch (...) {  // there is nowhere left to say it
  }
}

}  // namespace

void log_debug(std::string_view text) noexcept { write(log_level::debug, text); }
void log_info(std::string_view text) noexcept { write(log_level::info, text); }
void log_warn(std::string_view text) noexcept { write(log_level::warn, text); }
void log_error(std::string_view text) noexcept { write(log_level::error, text); }

bool log_wanted(log_level level) noexcept {
  return level != log_level::off && level >= state().level.load(std::memory_order_relaxed);
}

void set_log_level(log_level level) noexcept { state().level = level; }

log_level parse_log_level(std::string_view name) {
  if (name == "debug") return log_level::debug;
  if (name == "info") return log_level::info;
  if (name == "warn") return log_level::warn;
  if (name == "error") return log_level::error;
  if (name == "off") return log_level::off;
  throw usage_error{"a log level is one of debug, info, warn, error, off: \"" + std::string{name} +
                    "\""};
}

void set_log_sink(log_sink sink, void* sink_state) noexcept {
  log_state& s = state();
  const std::lock_guard lock{s.mutex};
  s.sink = sink;
  s.sink_state = sink_state;
}

}  // namespace millrace::detail
