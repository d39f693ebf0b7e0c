#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::detail {

enum class setting_type { text, integer, number, boolean, duration, size };

/// One row of the table of known settings (src/base/settings.cpp).
struct setting_info {
  std::string_view name;
  setting_type type;
  std::string_view initial;          ///< in the form in which it is set; empty: none, see `meaning`
  std::string_view meaning;          ///< one line
  std::int64_t minimum = INT64_MIN;  ///< of an integer, a duration (ns), a size (bytes)
};

/// Every setting there is, sorted by name.
[[nodiscard]] std::span<const setting_info> known_settings();

/// The settings of one context: `name = value`, checked when they are set.
///
/// Names are Spark's less `spark.`, which is accepted; `task.max_failures` is another spelling of
/// `task.maxFailures`. Values:
///   integer    decimal, with a sign; 64 bits
///   number     decimal, finite
///   boolean    true or false
///   duration   a whole number and us, ms, s, m or min, h, d; a bare number means milliseconds, as
///              it does in Spark for each of these settings. Not negative
///   size       a whole number and b, k, m, g, t (or kb, mb, gb, tb), powers of 1024, either case;
///              a bare number means bytes. Not negative
///
/// Not synchronised: set up by one thread, then read by any.
/// Errors: `usage_error` for an unknown name (the nearest known is named) and for a value that is
/// not of the setting's type.
class settings {
 public:
  using pair = std::pair<std::string, std::string>;

  settings() = default;
  explicit settings(std::span<const pair> pairs);

  void set(std::string_view name, std::string_view value);
  /// The form of a command line or a file: `name = value` or `name=value`.
  void set(std::string_view name_and_value);

  /// Whether the program set it: tells a default from the same value said.
  [[nodiscard]] bool is_set(std::string_view name) const;

  /// The value set, else the default. `text` is of any setting, as written; empty: neither.
  /// All throw `usage_error` for an unknown name; the others `error` where the setting is of
  /// another type or has neither a value nor a default (ask `is_set` first).
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] double number(std::string_view name) const;
  [[nodiscard]] bool boolean(std::string_view name) const;
  [[nodiscard]] std::chrono::nanoseconds duration(std::string_view name) const;
  [[nodiscard]] std::uint64_t size(std::string_view name) const;  ///< bytes

  /// What was set, by canonical name, sorted.
  [[nodiscard]] const std::vector<pair>& all() const { return pairs_; }

 private:
  [[nodiscard]] std::string value_of(std::string_view name, setting_type wanted) const;

  std::vector<pair> pairs_;
};

/// The grammar above, for other places that read such values. `usage_error` when it does not fit.
[[nodiscard]] std::chrono::nanoseconds parse_duration(std::string_view text);
[[nodiscard]] std::uint64_t parse_size(std::string_view text);

}  // namespace millrace::detail
