// Row types with the names of their fields: what text formats and databases go by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::detail {

/// A row type, the names of its fields, and the same of what it is made of. Lives as long as the
/// process.
struct named_row {
  const row_type* type;
  /// Makes a T{}: fields that an input leaves out keep what the type's author gave them.
  void (*make)(void* to);
  /// Of a record; those of pairs and tuples are _1, _2 …
  std::span<const std::string_view> names;
  /// A record's fields; a sequence's element; a map's key and value; alternatives.
  std::span<const named_row* const> parts;
};

template <class T>
const named_row& named_row_of();

#if defined(__clang__)
// Only the addresses of its fields are used.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#endif

template <class T>
union never_made {
  char none;
  T row;
  constexpr never_made() : none() {}
  constexpr ~never_made() {}
};
template <class T>
inline const never_made<T> never_made_row;

/// A class: Clang 14 takes no pointer to a field as an argument of a template, but such a class.
template <class P>
struct field_pointer {
  P at;
};
template <class P>
field_pointer(P) -> field_pointer<P>;

/// The compiler's name for the field that `P` points to ends in the field's own.
template <class T, field_pointer P>
consteval auto field_name() {
  constexpr std::string_view all = __PRETTY_FUNCTION__;
  constexpr std::size_t end = [](std::string_view in) {
    const std::size_t bracket = in.rfind('}');
    return in[bracket - 1] == ')' ? bracket - 1 : bracket;
  }(all);
  constexpr std::size_t begin = all.find_last_of(".:&", end) + 1;
  std::array<char, end - begin> name{};
  for (std::size_t i = 0; i < name.size(); ++i) name[i] = all[begin + i];
  return name;
}
template <class T, std::size_t I>
inline constexpr auto field_name_of =
    field_name<T, field_pointer{&field_of<I>(never_made_row<T>.row)}>();

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

template <std::size_t I>
inline constexpr auto position_name = [] {
  constexpr std::size_t digits = I < 9 ? 1 : I < 99 ? 2 : 3;
  std::array<char, digits + 1> name{};
  name[0] = '_';
  std::size_t left = I + 1;
  for (std::size_t i = digits; i > 0; --i, left /= 10) name[i] = static_cast<char>('0' + left % 10);
  return name;
}();

template <class T, class... Fields>
void set_named_fields(named_row& row, std::tuple<Fields...>*) {
  static const std::array<const named_row*, sizeof...(Fields)> parts{
      &named_row_of<std::remove_const_t<Fields>>()...};
  static const auto names = []<std::size_t... I>(std::index_sequence<I...>) {
    const auto name = []<std::size_t At>() {
      if constexpr (is_pair_v<T> || is_tuple_v<T>)
        return std::string_view(position_name<At>.data(), position_name<At>.size());
      else return std::string_view(field_name_of<T, At>.data(), field_name_of<T, At>.size());
    };
    return std::array<std::string_view, sizeof...(Fields)> { name.template operator()<I>()... };
  }(std::index_sequence_for<Fields...>{});
  row.parts = parts;
  row.names = names;
}

template <class... A>
std::span<const named_row* const> named_alternatives(std::tuple<A...>*) {
  static const std::array<const named_row*, sizeof...(A)> parts{&named_row_of<A>()...};
  return parts;
}

template <class T>
named_row make_named_row() {
  static_assert(!has_codec<T>,
                "millrace: JSON, CSV and SQL cannot see into a type with an mr::codec; map it to "
                "an aggregate of values first.");
  static_assert(std::is_default_constructible_v<T>,
                "millrace: JSON, CSV and SQL make rows field by field, so that this type must be "
                "default constructible.");
  named_row row{&row_type_of<T>(), [](void* to) { ::new (to) T{}; }, {}, {}};
  if constexpr (is_pair_v<T>) {
    set_named_fields<T>(
        row, static_cast<std::tuple<typename T::first_type, typename T::second_type>*>(nullptr));
  } else if constexpr (is_tuple_v<T>) {
    set_named_fields<T>(row, static_cast<T*>(nullptr));
  } else if constexpr (is_variant_v<T>) {
    row.parts = named_alternatives(static_cast<typename variant_types<T>::type*>(nullptr));
  } else if constexpr (is_map_like<T>) {
    static_assert(is_scalar<typename T::key_type> || is_text<typename T::key_type>,
                  "millrace: in JSON, CSV and SQL a map's key is text or a number.");
    row.parts = named_alternatives(
        static_cast<std::tuple<typename T::key_type, typename T::mapped_type>*>(nullptr));
  } else if constexpr (is_optional_v<T> || is_array_v<T> || (is_sequence_like<T> && !is_text<T>)) {
    row.parts = named_alternatives(static_cast<std::tuple<typename T::value_type>*>(nullptr));
  } else if constexpr (is_plain_aggregate<T>) {
    set_named_fields<T>(row, static_cast<field_types<T>*>(nullptr));
  }
  return row;
}

template <class T>
const named_row& named_row_of() {
  static const named_row row = make_named_row<T>();
  return row;
}

/// The columns of a row: its fields with their names or others, or itself as the one column
/// `value`. A value.
class row_columns {
 public:
  struct column {
    std::string name;
    const named_row* row;
    std::uint32_t offset;
  };

  /// usage_error, with `what` at the front: the number of names does not fit, or one is there twice
  /// or empty. No names: those of the fields.
  row_columns(std::string_view what, const named_row& row, const std::vector<std::string>& names);

  const named_row& row() const { return *row_; }
  std::size_t size() const { return columns_.size(); }
  const column& operator[](std::size_t i) const { return columns_[i]; }
  auto begin() const { return columns_.begin(); }
  auto end() const { return columns_.end(); }
  /// The column of that name, looked for from `likely` on; size() where there is none.
  std::size_t find(std::string_view name, std::size_t likely) const;

 private:
  const named_row* row_;
  std::vector<column> columns_;
};

}  // namespace millrace::detail
