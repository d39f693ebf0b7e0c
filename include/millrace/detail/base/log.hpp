#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::detail {

enum class log_level : std::uint8_t { debug, info, warn, error, off };

/// One event, one line: control characters in `text` and bytes that are not UTF-8 are escaped
/// (`\n`, `\x1b`). To stderr, from `warn` on, unless changed below. Any thread; never throws.
void log_debug(std::string_view text) noexcept;
void log_info(std::string_view text) noexcept;
void log_warn(std::string_view text) noexcept;
void log_error(std::string_view text) noexcept;

/// Whether a line of this level would go anywhere: ask before building a costly text.
[[nodiscard]] bool log_wanted(log_level level) noexcept;

void set_log_level(log_level level) noexcept;
/// `debug`, `info`, `warn`, `error`, `off`; anything else: `usage_error`.
[[nodiscard]] log_level parse_log_level(std::string_view name);

/// Takes the place of stderr: `write(state, level, line)` gets each line that passes the level,
/// escaped, without time and line end, one call at a time; it must not log itself, and what it
/// throws is lost. `state` must live until the sink is replaced; when `set_log_sink` returns no
/// call of the old one is running. Null: stderr again.
using log_sink = void (*)(void* state, log_level level, std::string_view line);
void set_log_sink(log_sink write, void* state) noexcept;

}  // namespace millrace::detail
