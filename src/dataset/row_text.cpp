// The text form of rows (see docs/guide for the table).
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::detail {

namespace {

template <class Number>
void append_number(Number number, std::string& out) {
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  out.append(buffer.data(), end);
}

template <class Floating>
void append_floating(Floating x, std::string& out) {
  if (std::isnan(x)) {
    out += "nan";
    return;
  }
  if (std::isinf(x)) {
    out += x < 0 ? "-inf" : "inf";
    return;
  }
  const auto start = out.size();
  append_number(x, out);
  if (out.find_first_of(".e", start) == std::string::npos) out += ".0";
}

template <class Integer>
Integer load(const void* row) {
  Integer value;
  std::memcpy(&value, row, sizeof value);
  return value;
}

void append_integer(const row_type& t, const void* row, std::string& out) {
  switch (t.size) {
    case 1:
      return t.is_signed ? append_number(static_cast<int>(load<std::int8_t>(row)), out)
                         : append_number(static_cast<int>(load<std::uint8_t>(row)), out);
    case 2:
      return t.is_signed ? append_number(load<std::int16_t>(row), out)
                         : append_number(load<std::uint16_t>(row), out);
    case 4:
      return t.is_signed ? append_number(load<std::int32_t>(row), out)
                         : append_number(load<std::uint32_t>(row), out);
    default:
      return t.is_signed ? append_number(load<std::int64_t>(row), out)
                         : append_number(load<std::uint64_t>(row), out);
  }
}

}  // namespace

// In the year 32767.
constexpr double last_second = 971'000'000'000;

void print_time_point(std::int64_t count, std::intmax_t num, std::intmax_t den, std::string& out) {
  // Split before scaling, so that no unit overflows: whole seconds, and units left over.
  const auto per_second = den / num;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  if (per_second >= 1) {
    seconds = count / per_second;
    std::int64_t rest = count % per_second;
    if (rest < 0) rest += per_second, --seconds;
    nanoseconds = rest * (1'000'000'000 / per_second);
  } else if (__builtin_mul_overflow(count, num / den, &seconds)) {
    seconds = count < 0 ? INT64_MIN : INT64_MAX;
  }
  if (std::abs(static_cast<double>(seconds)) > last_second) {  // what a calendar has no name for
    append_number(seconds, out);
    out += "s since 1970";
    return;
  }
  using namespace std::chrono;
  const sys_seconds moment{std::chrono::seconds{seconds}};
  const auto day = floor<days>(moment);
  const year_month_day date{day};
  const hh_mm_ss time{moment - day};
  std::array<char, 64> buffer;
  int n = std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                        static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                        static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                        static_cast<int>(time.minutes().count()),
                        static_cast<int>(time.seconds().count()));
  out.append(buffer.data(), static_cast<std::size_t>(n));
  const int digits = per_second <= 1 ? 0 : per_second <= 1000 ? 3 : per_second <= 1'000'000 ? 6 : 9;
  if (digits != 0) {
    n = std::snprintf(buffer.data(), buffer.size(), ".%09lld", static_cast<long long>(nanoseconds));
    out.append(buffer.data(), static_cast<std::size_t>(1 + digits));
  }
  out += 'Z';
}

std::int64_t to_microseconds(double count, std::intmax_t num, std::intmax_t den) {
  const double micros = count * 1e6 * static_cast<double>(num) / static_cast<double>(den);
  if (std::isnan(micros)) return 0;
  if (std::abs(micros) > 9e18) return micros < 0 ? INT64_MIN : INT64_MAX;
  return std::llround(micros);
}

namespace {
void append_unit(std::intmax_t num, std::intmax_t den, std::string& out) {
  const auto is = [&](std::intmax_t n, std::intmax_t d) { return num == n && den == d; };
  if (is(1, 1'000'000'000)) out += "ns";
  else if (is(1, 1'000'000)) out += "us";
  else if (is(1, 1000)) out += "ms";
  else if (is(1, 1)) out += "s";
  else if (is(60, 1)) out += "min";
  else if (is(3600, 1)) out += "h";
  else if (is(86400, 1)) out += "d";
  else {
    out += '[';
    append_number(num, out);
    if (den != 1) {
      out += '/';
      append_number(den, out);
    }
    out += "]s";
  }
}
}  // namespace

void print_duration(std::int64_t count, std::intmax_t num, std::intmax_t den, std::string& out) {
  append_number(count, out);
  append_unit(num, den, out);
}

void print_duration(double count, std::intmax_t num, std::intmax_t den, std::string& out) {
  append_floating(count, out);
  append_unit(num, den, out);
}

void print_row(const row_type& t, const void* row, std::string& out) {
  switch (t.kind) {
    case row_kind::boolean: out += *static_cast<const bool*>(row) ? "true" : "false"; return;
    case row_kind::character: out += *static_cast<const char*>(row); return;
    case row_kind::integer: append_integer(t, row, out); return;
    case row_kind::floating:
      if (t.size == sizeof(float)) append_floating(*static_cast<const float*>(row), out);
      else if (t.size == sizeof(double)) append_floating(*static_cast<const double*>(row), out);
      else append_floating(*static_cast<const long double*>(row), out);
      return;
    case row_kind::text_view: out += *static_cast<const std::string_view*>(row); return;
    case row_kind::text: out += *static_cast<const std::string*>(row); return;
    case row_kind::time: t.time->print(row, out); return;
    case row_kind::record:
      out += t.bracketed ? '{' : '(';
      for (std::uint32_t i = 0; i < t.field_count; ++i) {
        if (i != 0) out += t.bracketed ? ", " : ",";
        print_row(*t.fields[i].type, static_cast<const char*>(row) + t.fields[i].offset, out);
      }
      out += t.bracketed ? '}' : ')';
      return;
    case row_kind::sequence:
    case row_kind::map: {
      struct visitor {
        const row_type& element;
        std::string& out;
        bool map;
        bool first = true;
      } v{*t.sequence->element, out, t.kind == row_kind::map};
      out += v.map ? '{' : '[';
      t.sequence->each(
          row,
          [](void* self, const void* e) {
            auto& to = *static_cast<visitor*>(self);
            if (!to.first) to.out += ", ";
            to.first = false;
            if (to.map) {
              const auto& key = to.element.field(0);
              const auto& value = to.element.field(1);
              print_row(*key.type, static_cast<const char*>(e) + key.offset, to.out);
              to.out += ": ";
              print_row(*value.type, static_cast<const char*>(e) + value.offset, to.out);
            } else {
              print_row(to.element, e, to.out);
            }
            return true;
          },
          &v);
      out += v.map ? '}' : ']';
      return;
    }
    case row_kind::optional:
    case row_kind::variant: {
      const int i = t.alternative->index(row);
      if (i < 0) out += "none";
      else print_row(*t.alternative->alternatives[i], t.alternative->get(row), out);
      return;
    }
    case row_kind::custom: {
      // What codec writes is the only thing that can be seen of it.
      byte_writer bytes;
      t.custom->encode(row, bytes);
      out += "<";
      out += t.name;
      out += " of ";
      append_number(bytes.size(), out);
      out += " bytes>";
      return;
    }
  }
}

}  // namespace millrace::detail
