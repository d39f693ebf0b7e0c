// Single values from text.
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <system_error>

#include "millrace/detail/formats/row_text.hpp"

namespace millrace::detail {
namespace {

constexpr const char* no_integer = "this is no integer";
constexpr const char* no_number = "this is no number";
constexpr const char* out_of_range = "the number is out of range";
constexpr const char* no_time = "this is no time in ISO 8601";

template <class Number>
const char* number_of_text(std::string_view text, void* to, const char* none) {
  Number value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure == std::errc::result_out_of_range) return out_of_range;
  if (failure != std::errc{} || end != text.data() + text.size()) return none;
  ::new (to) Number(value);
  return nullptr;
}

const char* integer_of_text(const row_type& type, std::string_view text, void* to) {
  // from_chars takes no minus for what is unsigned, and would say that there is no number.
  std::int64_t below = 0;
  if (!type.is_signed && text.starts_with('-') &&
      number_of_text<std::int64_t>(text, &below, no_integer) == nullptr && below != 0)
    return out_of_range;
  switch (type.size) {
    case 1:
      return type.is_signed ? number_of_text<std::int8_t>(text, to, no_integer)
                            : number_of_text<std::uint8_t>(text, to, no_integer);
    case 2:
      return type.is_signed ? number_of_text<std::int16_t>(text, to, no_integer)
                            : number_of_text<std::uint16_t>(text, to, no_integer);
    case 4:
      return type.is_signed ? number_of_text<std::int32_t>(text, to, no_integer)
                            : number_of_text<std::uint32_t>(text, to, no_integer);
    default:
      return type.is_signed ? number_of_text<std::int64_t>(text, to, no_integer)
                            : number_of_text<std::uint64_t>(text, to, no_integer);
  }
}

const char* floating_of_text(const row_type& type, std::string_view text, void* to) {
  if (type.size == sizeof(float)) return number_of_text<float>(text, to, no_number);
  if (type.size == sizeof(double)) return number_of_text<double>(text, to, no_number);
  return number_of_text<long double>(text, to, no_number);
}

/// So many digits at the front, taken off.
bool take_digits(std::string_view& text, std::size_t count, int& value) {
  if (text.size() < count) return false;
  value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return true;
}
bool take_one(std::string_view& text, std::string_view of) {
  if (text.empty() || of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

struct moment {
  std::int64_t seconds = 0;  // since 1970
  std::int64_t nanoseconds = 0;
};

/// `2024-05-01`, with `T` or a space `12:00[:00[.000000000]]`, and `Z`, `+02:00`, `+0200` or `+02`.
bool parse_moment(std::string_view text, moment& result) {
  using namespace std::chrono;
  int year_number = 0;
  int month_number = 0;
  int day_number = 0;
  const bool before_christ = take_one(text, "-");
  if (!take_digits(text, 4, year_number) || !take_one(text, "-") ||
      !take_digits(text, 2, month_number) || !take_one(text, "-") ||
      !take_digits(text, 2, day_number))
    return false;
  const year_month_day date{year{before_christ ? -year_number : year_number},
                            month{static_cast<unsigned>(month_number)},
                            day{static_cast<unsigned>(day_number)}};
  if (!date.ok()) return false;
  std::int64_t at = sys_days(date).time_since_epoch().count() * std::int64_t{86'400};
  if (!text.empty()) {
    int hour = 0;
    int minute = 0;
    int second = 0;
    if (!take_one(text, "T ") || !take_digits(text, 2, hour) || !take_one(text, ":") ||
        !take_digits(text, 2, minute))
      return false;
    if (take_one(text, ":")) {
      if (!take_digits(text, 2, second)) return false;
      if (take_one(text, ".,")) {
        int digit = 0;
        std::int64_t unit = 100'000'000;
        if (!take_digits(text, 1, digit)) return false;
        do {
          result.nanoseconds += digit * unit;
          unit /= 10;
        } while (take_digits(text, 1, digit));
      }
    }
    if (hour > 23 || minute > 59 || second > 59) return false;
    at += hour * 3600 + minute * 60 + second;
    if (!take_one(text, "Zz") && !text.empty()) {
      const bool west = text[0] == '-';
      int off_hours = 0;
      int off_minutes = 0;
      if (!take_one(text, "+-") || !take_digits(text, 2, off_hours)) return false;
      (void)take_one(text, ":");
      if (!text.empty() && !take_digits(text, 2, off_minutes)) return false;
      if (off_hours > 23 || off_minutes > 59) return false;
      const int off = off_hours * 3600 + off_minutes * 60;
      at += west ? off : -off;
    }
    if (!text.empty()) return false;
  }
  result.seconds = at;
  return true;
}

/// The count of a time, in its own unit, as its own type.
const char* store_count(const row_type& type, long double count, std::int64_t exact, bool is_exact,
                        void* to) {
  if (!type.plain_bits) {
    if (type.size == sizeof(float)) ::new (to) float(static_cast<float>(count));
    else if (type.size == sizeof(double)) ::new (to) double(static_cast<double>(count));
    else ::new (to) long double(count);
    return nullptr;
  }
  if (!is_exact || (!type.is_signed && exact < 0)) return out_of_range;
  if (type.size == 8) {
    ::new (to) std::int64_t(exact);
    return nullptr;
  }
  const std::string digits = std::to_string(exact);
  return integer_of_text(type, digits, to);
}

const char* point_of_text(const row_type& type, std::string_view text, void* to) {
  moment at;
  if (!parse_moment(text, at)) return no_time;
  const std::int64_t num = type.time->numerator;
  const std::int64_t den = type.time->denominator;
  // seconds · den / num + nanoseconds · den / (num · 10^9), downwards to a whole unit
  __extension__ using wide = __int128;
  const wide nanos = static_cast<wide>(at.seconds) * 1'000'000'000 + at.nanoseconds;
  const wide unit = static_cast<wide>(num) * 1'000'000'000;
  wide count = nanos * den / unit;
  if (nanos * den % unit < 0) --count;
  const bool fits = count >= std::numeric_limits<std::int64_t>::min() &&
                    count <= std::numeric_limits<std::int64_t>::max();
  const long double value = static_cast<long double>(nanos) * static_cast<long double>(den) /
                            static_cast<long double>(unit);
  return store_count(type, value, fits ? static_cast<std::int64_t>(count) : 0, fits, to);
}

const char* duration_of_text(const row_type& type, std::string_view text, void* to) {
  // Its unit is what it prints with.
  std::string zero;
  alignas(16) const char none[16] = {};
  type.time->print(none, zero);
  const std::string_view unit = std::string_view(zero).substr(zero.find_first_not_of("0.", 0));
  if (!text.ends_with(unit)) return "this is no time span in the field's unit";
  text.remove_suffix(unit.size());
  if (type.plain_bits) {
    std::int64_t count = 0;
    const char* const why = number_of_text<std::int64_t>(text, &count, no_integer);
    return why != nullptr ? why : store_count(type, 0, count, true, to);
  }
  long double count = 0;
  const char* const why = number_of_text<long double>(text, &count, no_number);
  return why != nullptr ? why : store_count(type, count, 0, false, to);
}

}  // namespace

bool is_scalar_text(const row_type& type) {
  switch (type.kind) {
    case row_kind::boolean:
    case row_kind::character:
    case row_kind::integer:
    case row_kind::floating:
    case row_kind::text_view:
    case row_kind::text:
    case row_kind::time: return true;
    default: return false;
  }
}

const char* scalar_of_text(const row_type& type, std::string_view text, void* to) {
  switch (type.kind) {
    case row_kind::boolean:
      if (text != "true" && text != "false") return "this is neither true nor false";
      ::new (to) bool(text == "true");
      return nullptr;
    case row_kind::character:
      if (text.size() != 1) return "this is not one character";
      ::new (to) char(text[0]);
      return nullptr;
    case row_kind::integer: return integer_of_text(type, text, to);
    case row_kind::floating: return floating_of_text(type, text, to);
    case row_kind::time:
      return type.time->point ? point_of_text(type, text, to) : duration_of_text(type, text, to);
    default: ::new (to) std::string(text); return nullptr;
  }
}

}  // namespace millrace::detail
