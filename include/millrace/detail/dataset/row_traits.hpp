// Finds out, at compile time, what a row type is made of; builds its row_type once.
#pragma once

#include <array>
#include <boost/pfr/core.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/codec.hpp"
#include "millrace/detail/dataset/row_type.hpp"

namespace millrace::detail {

template <class T>
const row_type& row_type_of();

// ---- what kind of type is this?
// Containers are told by their shape, so that no header of theirs is needed here.

template <class T>
concept has_codec = requires { sizeof(codec<T>); };

template <class T>
concept is_text = std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>;

template <class T>
inline constexpr bool is_pair_v = false;
template <class A, class B>
inline constexpr bool is_pair_v<std::pair<A, B>> = true;
template <class T>
inline constexpr bool is_tuple_v = false;
template <class... A>
inline constexpr bool is_tuple_v<std::tuple<A...>> = true;
template <class T>
inline constexpr bool is_array_v = false;
template <class T, std::size_t N>
inline constexpr bool is_array_v<std::array<T, N>> = true;
template <class T>
inline constexpr bool is_optional_v = false;
template <class T>
inline constexpr bool is_optional_v<std::optional<T>> = true;
template <class T>
inline constexpr bool is_duration_v = false;
template <class R, class P>
inline constexpr bool is_duration_v<std::chrono::duration<R, P>> = true;
template <class T>
inline constexpr bool is_time_point_v = false;
template <class C, class D>
inline constexpr bool is_time_point_v<std::chrono::time_point<C, D>> = true;

template <class T>
concept is_map_like = requires(T& t, const T& c) {
  typename T::key_type;
  typename T::mapped_type;
  c.begin();
  c.end();
  c.size();
  t.emplace(std::declval<typename T::key_type>(), std::declval<typename T::mapped_type>());
};

template <class T>
concept is_sequence_like =
    !is_text<T> && !is_map_like<T> && !is_array_v<T> && requires(T& t, const T& c) {
      typename T::value_type;
      typename T::allocator_type;
      c.begin();
      c.end();
      t.insert(t.end(), std::declval<typename T::value_type>());
    };

// What a hash orders: the same elements may come in any order.
template <class T>
concept is_hashed = requires { typename T::hasher; };

template <class T>
inline constexpr bool is_variant_v = false;
template <template <class...> class V, class... A>
  requires requires(const V<A...>& v) {
    { v.valueless_by_exception() } -> std::same_as<bool>;
    v.index();
  }
inline constexpr bool is_variant_v<V<A...>> = true;

template <class T>
concept is_scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

// What Boost.PFR can't take apart is found out before it is asked: its own words help nobody.

/// A value of whatever type is asked for. Never made; defined, because Clang takes what a standard
/// constructor would do with one of a local type for a use.
struct any_value {
  template <class U>
  operator U() const {
    __builtin_unreachable();
  }
};
template <class T>
struct any_base {
  template <class U>
    requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>)
  operator U() const {
    __builtin_unreachable();
  }
};
template <class T>
concept has_base = requires { T{any_base<T>{}}; };

/// How many fields an aggregate has. As boost::pfr::tuple_size_v, but for asking in the return type
/// of a function whether T{} can be: that crashes GCC 12 where a field is an array of objects with
/// constructors (std::array<std::string, 2>).
template <class T>
constexpr std::size_t count_fields() {
  namespace pfr = boost::pfr::detail;
  constexpr std::size_t most = sizeof(T) * 8;  // bit-fields are fields
  if constexpr (requires { T{}; })
    return pfr::detect_fields_count<T, 0, most / 2 + 1>(pfr::multi_element_range{}, 1L);
  else return pfr::detect_fields_count_greedy<T, 0, most>(pfr::multi_element_range{});
}
template <class T>
inline constexpr std::size_t field_count_v = count_fields<T>();

/// References to the fields, in order.
template <class T>
constexpr auto fields_of(T& row) {
  namespace pfr = boost::pfr::detail;
  return pfr::tie_as_tuple(row, pfr::size_t_<field_count_v<std::remove_const_t<T>>>{});
}
template <std::size_t I, class T>
constexpr auto& field_of(T& row) {
  return boost::pfr::detail::sequence_tuple::get<I>(fields_of(row));
}

template <class T, std::size_t... I>
std::tuple<std::remove_cvref_t<decltype(field_of<I>(std::declval<T&>()))>...> list_fields(
    std::index_sequence<I...>);
template <class T>
using field_types = decltype(list_fields<T>(std::make_index_sequence<field_count_v<T>>{}));

/// Whether T can be made of `Before` values, `Within` values in braces, and `After` values.
template <class T, std::size_t... Before, std::size_t... Within, std::size_t... After>
constexpr bool made_of(std::index_sequence<Before...>, std::index_sequence<Within...>,
                       std::index_sequence<After...>) {
  return requires {
    T{(static_cast<void>(Before), any_value{})...,
      {(static_cast<void>(Within), any_value{})...},
      (static_cast<void>(After), any_value{})...};
  };
}
template <class T, std::size_t Before, std::size_t Within, std::size_t After>
inline constexpr bool made_of_v =
    made_of<T>(std::make_index_sequence<Before>{}, std::make_index_sequence<Within>{},
               std::make_index_sequence<After>{});

/// Whether the `At`-th of the `Count` values that T takes is the first of a C array: braces around
/// all of the array then leave room for the values after it, and for no other.
template <class T, std::size_t Count, std::size_t At, std::size_t Size = 2>
constexpr bool is_array_at() {
  if constexpr (At + Size > Count) return false;
  else if constexpr (Size == 2 &&
                     (made_of_v<T, At, 0, Count - At - 1> || made_of_v<T, At, 1, Count - At - 1>))
    return false;
  else if constexpr (made_of_v<T, At, Size, Count - At - Size> &&
                     !made_of_v<T, At, Size, Count - At - Size + 1>)
    return true;
  else return is_array_at<T, Count, At, Size + 1>();
}
template <class T>
inline constexpr bool has_c_array_v = []<std::size_t... At>(std::index_sequence<At...>) {
  return (is_array_at<T, sizeof...(At), At>() || ...);
}(std::make_index_sequence<field_count_v<T>>{});

/// A reference or a constant among the fields makes T not assignable.
template <class T>
concept is_plain_aggregate =
    std::is_aggregate_v<T> && std::is_class_v<T> && !is_array_v<T> && !has_codec<T> &&
    !std::is_polymorphic_v<T> && std::is_copy_assignable_v<T> && !has_base<T> && !has_c_array_v<T>;

// A type list's answers, folded over the fields of a type.
enum class question { travels, views, hashable, ordered };

template <question Q, class T>
constexpr bool ask();

template <question Q, class... T>
constexpr bool ask_all(std::tuple<T...>*) {
  if constexpr (Q == question::views) return (ask<Q, std::remove_const_t<T>>() || ...);
  else return (ask<Q, std::remove_const_t<T>>() && ...);
}
template <class T>
struct variant_types;
template <template <class...> class V, class... A>
struct variant_types<V<A...>> {
  using type = std::tuple<A...>;
};

template <class T>
concept has_std_hash = requires(const T& t) {
  { std::hash<T>{}(t) } -> std::convertible_to<std::size_t>;
  { t == t } -> std::convertible_to<bool>;
};
template <class T>
concept has_less = requires(const T& a) {
  { a < a } -> std::convertible_to<bool>;
};

template <question Q, class T>
constexpr bool ask_aggregate() {
  if constexpr (Q == question::hashable && has_std_hash<T>) return true;
  else if constexpr (Q == question::ordered && has_less<T>) return true;
  else {
    return ask_all<Q>(static_cast<field_types<T>*>(nullptr));
  }
}

template <question Q, class T>
constexpr bool ask() {
  if constexpr (has_codec<T>) {
    if constexpr (Q == question::views) return false;
    else if constexpr (Q == question::hashable) return has_std_hash<T>;
    else if constexpr (Q == question::ordered) return has_less<T>;
    else return true;
  } else if constexpr (is_scalar<T>) return Q != question::views;
  else if constexpr (std::is_same_v<T, std::string_view>) return true;
  else if constexpr (std::is_same_v<T, std::string>) return Q != question::views;
  else if constexpr (is_duration_v<T> || is_time_point_v<T>) return Q != question::views;
  else if constexpr (is_pair_v<T>)
    return ask_all<Q>(
        static_cast<std::tuple<typename T::first_type, typename T::second_type>*>(nullptr));
  else if constexpr (is_tuple_v<T>) return ask_all<Q>(static_cast<T*>(nullptr));
  else if constexpr (is_array_v<T> || is_optional_v<T>) return ask<Q, typename T::value_type>();
  else if constexpr (is_variant_v<T>)
    return ask_all<Q>(static_cast<typename variant_types<T>::type*>(nullptr));
  else if constexpr (Q == question::ordered && is_hashed<T>) return false;
  else if constexpr (is_map_like<T>)
    return ask_all<Q>(
               static_cast<std::tuple<typename T::key_type, typename T::mapped_type>*>(nullptr)) &&
           (Q != question::hashable || has_less<typename T::key_type>);
  else if constexpr (is_sequence_like<T>) return ask<Q, typename T::value_type>();
  else if constexpr (is_plain_aggregate<T>) return ask_aggregate<Q, T>();
  else return Q == question::views ? false : false;
}

template <class T>
inline constexpr bool holds_views_v = ask<question::views, T>();
template <class T>
inline constexpr bool is_hashable_v = ask<question::hashable, T>();
template <class T>
inline constexpr bool is_ordered_v = ask<question::ordered, T>();

/// Whether a T that is made of a Made views text which Made owns, and which goes with it.
template <class T, class Made>
constexpr bool dangles() {
  if constexpr (std::is_same_v<T, Made>) return false;
  else if constexpr (std::is_same_v<T, std::string_view>) return std::is_same_v<Made, std::string>;
  else if constexpr (is_optional_v<T>) {
    if constexpr (is_optional_v<Made>)
      return dangles<typename T::value_type, typename Made::value_type>();
    else return dangles<typename T::value_type, Made>();
  } else if constexpr (is_variant_v<T>)
    return []<class... A>(std::tuple<A...>*) {
      return (dangles<A, Made>() || ...);
    }(static_cast<typename variant_types<T>::type*>(nullptr));
  else if constexpr ((is_pair_v<T> || is_tuple_v<T>) && (is_pair_v<Made> || is_tuple_v<Made>)) {
    if constexpr (std::tuple_size_v<T> != std::tuple_size_v<Made>) return false;
    else
      return []<std::size_t... I>(std::index_sequence<I...>) {
        return (dangles<std::tuple_element_t<I, T>,
                        std::remove_cvref_t<std::tuple_element_t<I, Made>>>() ||
                ...);
      }(std::make_index_sequence<std::tuple_size_v<T>>{});
  } else return false;
}

/// Refuses, in words, what cannot be a row.
template <class T>
struct row_check {
  static_assert(!std::is_reference_v<T> && !std::is_const_v<T>,
                "millrace: a row is a value; drop the reference or const from this row type.");
  static_assert(!std::is_pointer_v<T>,
                "millrace: a pointer cannot be a row: what it points to would not travel. For text "
                "return std::string (new text) or std::string_view (part of the input row).");
  static_assert(std::is_pointer_v<T> || std::is_copy_constructible_v<T>,
                "millrace: a row type must be copyable: rows are kept, sent and recomputed.");
  static_assert(
      std::is_pointer_v<T> || ask<question::travels, T>(),
      "millrace: this type cannot travel as a row. It, or something in it, is a pointer, a "
      "reference, a constant, a C array (std::array can), or a class that millrace cannot see into "
      "(private members, a base class). Make it a plain aggregate of values, or specialise "
      "mr::codec<T> with encode and decode.");
  static constexpr bool ok = true;
};

// ---- building the table

template <class T>
constexpr std::string_view type_name() {
  std::string_view all = __PRETTY_FUNCTION__;
  const auto from = all.find("T = ") + 4;
  auto to = all.find(';', from);
  if (to == std::string_view::npos) to = all.rfind(']');
  return all.substr(from, to - from);
}

template <class T>
void set_lifetime(row_type& t) {
  t.trivial = std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>;
  // std::pair has a user-provided assignment, so it is never "trivially copyable"; what matters to
  // us is that construction copies bytes.
  if constexpr (std::is_trivially_copy_constructible_v<T> && std::is_trivially_destructible_v<T>)
    t.trivial = true;
  else {
    t.copy = [](void* to, const void* from, std::size_t n) {
      auto* target = static_cast<T*>(to);
      std::size_t done = 0;
      try {
        for (; done < n; ++done)
          ::new (static_cast<void*>(target + done)) T(static_cast<const T*>(from)[done]);
      } catch (...) {
        while (done != 0) target[--done].~T();
        throw;
      }
    };
    t.move = [](void* to, void* from, std::size_t n) {
      for (std::size_t i = 0; i < n; ++i)
        ::new (static_cast<void*>(static_cast<T*>(to) + i)) T(std::move(static_cast<T*>(from)[i]));
    };
    t.destroy = [](void* rows, std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) static_cast<T*>(rows)[i].~T();
    };
  }
}

template <class T>
void set_own_comparisons(row_type& t) {
  if constexpr (has_std_hash<T>) {
    t.hash_with = [](const void* r) {
      return static_cast<std::uint64_t>(std::hash<T>{}(*static_cast<const T*>(r)));
    };
    t.equal_with = [](const void* a, const void* b) -> bool {
      return *static_cast<const T*>(a) == *static_cast<const T*>(b);
    };
  }
  if constexpr (has_less<T>)
    t.less_with = [](const void* a, const void* b) -> bool {
      return *static_cast<const T*>(a) < *static_cast<const T*>(b);
    };
}

/// Memory shaped like a T, only ever used for the addresses of its fields.
template <class T>
union row_shape {
  char none;
  T row;
  row_shape() : none() {}
  ~row_shape() {}
};

template <class Row, class Field>
row_field field_at(const Row& row, const Field& field) {
  return {&row_type_of<std::remove_const_t<Field>>(),
          static_cast<std::uint32_t>(reinterpret_cast<const char*>(&field) -
                                     reinterpret_cast<const char*>(&row))};
}

void finish_record(row_type& t, const row_field* fields, std::size_t n);

template <class T>
void set_record(row_type& t) {
  static const row_shape<T> shape;
  const T& row = shape.row;
  if constexpr (is_pair_v<T>) {
    static const row_field fields[] = {field_at(row, row.first), field_at(row, row.second)};
    finish_record(t, fields, 2);
  } else if constexpr (is_tuple_v<T>) {
    constexpr std::size_t n = std::tuple_size_v<T>;
    static const auto fields = [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<row_field, n == 0 ? 1 : n>{field_at(row, std::get<I>(row))...};
    }(std::make_index_sequence<n>{});
    finish_record(t, fields.data(), n);
  } else {
    constexpr std::size_t n = field_count_v<T>;
    static const auto fields = [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<row_field, n == 0 ? 1 : n>{field_at(row, field_of<I>(row))...};
    }(std::make_index_sequence<n>{});
    finish_record(t, fields.data(), n);
    t.bracketed = true;
    set_own_comparisons<T>(t);
    if (t.hash_with != nullptr)
      t.plain_bits = false;  // its own == decides, in what it is part of too
  }
}

/// A value being built by an untyped `fill`, handed on as a T.
template <class T>
struct built_value {
  row_shape<T> memory;
  bool made = false;
  template <class Fill>
  T take(Fill fill, void* self) {
    fill(self, static_cast<void*>(&memory.row));
    made = true;
    return std::move(memory.row);
  }
  built_value() = default;
  built_value(const built_value&) = delete;
  built_value& operator=(const built_value&) = delete;
  ~built_value() {
    if (made) memory.row.~T();
  }
};

template <class T>
struct sequence_element {
  using type = typename T::value_type;
};
template <is_map_like T>
struct sequence_element<T> {
  using type = std::pair<typename T::key_type, typename T::mapped_type>;
};

[[noreturn]] void refuse_array_size(std::size_t n, std::size_t expected);

template <class T>
void set_sequence(row_type& t) {
  using E = typename sequence_element<T>::type;
  static const sequence_access access{
      &row_type_of<E>(),
      [](const void* row) -> std::size_t { return static_cast<const T*>(row)->size(); },
      [](const void* row, bool (*visit)(void*, const void*), void* self) {
        for (const auto& e : *static_cast<const T*>(row)) {
          if constexpr (std::is_same_v<std::decay_t<decltype(e)>, E>) {
            if (!visit(self, &e)) return;
          } else {  // std::vector<bool>'s proxy; a map's pair with its const key
            const E element(e);
            if (!visit(self, &element)) return;
          }
        }
      },
      [](void* to, std::size_t n, void (*fill)(void*, void*), void* self) {
        T all{};
        if constexpr (is_array_v<T>)
          if (n != std::tuple_size_v<T>) refuse_array_size(n, std::tuple_size_v<T>);
        for (std::size_t i = 0; i < n; ++i) {
          built_value<E> value;
          if constexpr (is_array_v<T>) {
            all[i] = value.take(fill, self);
          } else if constexpr (is_map_like<T>) {
            E e = value.take(fill, self);
            all.emplace(std::move(e.first), std::move(e.second));
          } else {
            all.insert(all.end(), value.take(fill, self));
          }
        }
        ::new (to) T(std::move(all));
      }};
  t.sequence = &access;
  t.holds_views = access.element->holds_views;
  t.hashable = access.element->hashable;
  t.ordered = access.element->ordered && !is_hashed<T>;
  t.any_order = is_hashed<T>;
  if constexpr (is_array_v<T>) {
    t.plain_bits = access.element->plain_bits;
  }
}

// A function of its own: as a lambda in the fold below it makes GCC 12 crash.
template <class T, std::size_t I, class A>
bool build_variant(void* to, void (*fill)(void*, void*), void* self) {
  built_value<A> value;
  ::new (to) T(std::in_place_index<I>, value.take(fill, self));
  return true;
}

template <class T, class... A>
void set_variant(row_type& t, std::tuple<A...>*) {
  static const row_type* const alternatives[] = {&row_type_of<A>()...};
  static const alternative_access access{
      alternatives, sizeof...(A),
      [](const void* row) { return static_cast<int>(static_cast<const T*>(row)->index()); },
      [](const void* row) -> const void* {
        const void* found = nullptr;
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          ((found = found != nullptr
                        ? found
                        : static_cast<const void*>(get_if<I>(static_cast<const T*>(row)))),
           ...);
        }(std::index_sequence_for<A...>{});
        return found;
      },
      [](void* to, int index, void (*fill)(void*, void*), void* self) {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          (void)((static_cast<int>(I) == index && build_variant<T, I, A>(to, fill, self)) || ...);
        }(std::index_sequence_for<A...>{});
      }};
  t.alternative = &access;
  t.holds_views = (holds_views_v<A> || ...);
  t.hashable = (is_hashable_v<A> && ...);
  t.ordered = (is_ordered_v<A> && ...);
}

template <class T>
void set_optional(row_type& t) {
  using V = typename T::value_type;
  static const row_type* const alternatives[] = {&row_type_of<V>()};
  static const alternative_access access{
      alternatives, 1,
      [](const void* row) { return static_cast<const T*>(row)->has_value() ? 0 : -1; },
      [](const void* row) -> const void* { return &**static_cast<const T*>(row); },
      [](void* to, int index, void (*fill)(void*, void*), void* self) {
        if (index < 0) {
          ::new (to) T();
          return;
        }
        built_value<V> value;
        ::new (to) T(value.take(fill, self));
      }};
  t.alternative = &access;
  t.holds_views = alternatives[0]->holds_views;
  t.hashable = alternatives[0]->hashable;
  t.ordered = alternatives[0]->ordered;
}

/// Appends `count` of units of `num/den` seconds, as a time since the epoch (ISO 8601, UTC) or a
/// span.
void print_time_point(std::int64_t count, std::intmax_t num, std::intmax_t den, std::string& out);
/// A floating count of such units, in microseconds since the epoch.
std::int64_t to_microseconds(double count, std::intmax_t num, std::intmax_t den);
void print_duration(std::int64_t count, std::intmax_t num, std::intmax_t den, std::string& out);
void print_duration(double count, std::intmax_t num, std::intmax_t den, std::string& out);

/// Whether a time of this clock has a date. Others count from a moment of their own (the start of
/// the machine, say) and print as what passed since then.
template <class T>
inline constexpr bool has_date_v = false;
template <class D>
inline constexpr bool has_date_v<std::chrono::sys_time<D>> = true;

template <class T>
void set_time(row_type& t) {
  static const time_access access{
      [](const void* row, std::string& out) {
        if constexpr (has_date_v<T>) {
          using D = typename T::duration;
          const auto count = static_cast<const T*>(row)->time_since_epoch().count();
          if constexpr (std::is_integral_v<typename D::rep>)
            print_time_point(static_cast<std::int64_t>(count), D::period::num, D::period::den, out);
          else
            print_time_point(
                to_microseconds(static_cast<double>(count), D::period::num, D::period::den), 1,
                1'000'000, out);
        } else {
          const T& value = *static_cast<const T*>(row);
          using number =
              std::conditional_t<std::is_integral_v<typename T::rep>, std::int64_t, double>;
          const auto count = [&] {
            if constexpr (is_time_point_v<T>) return value.time_since_epoch().count();
            else return value.count();
          }();
          print_duration(static_cast<number>(count), T::period::num, T::period::den, out);
        }
      },
      T::period::num, T::period::den, has_date_v<T>};
  t.time = &access;
  using R = typename T::rep;
  t.is_signed = std::is_signed_v<R>;
  t.plain_bits = std::is_integral_v<R>;
  t.hashable = t.ordered = true;
}

[[noreturn]] void refuse_codec_version(int written, int known);

template <class T>
void set_custom(row_type& t) {
  static constexpr int version = [] {
    if constexpr (requires { codec<T>::version; }) return static_cast<int>(codec<T>::version);
    else return 1;
  }();
  static const custom_access access{
      [](const void* row, byte_writer& out) { codec<T>::encode(*static_cast<const T*>(row), out); },
      [](void* to, byte_reader& in, int written) {
        if constexpr (requires { codec<T>::decode(in, written); }) {
          ::new (to) T(codec<T>::decode(in, written));
        } else {
          if (written != version) refuse_codec_version(written, version);
          ::new (to) T(codec<T>::decode(in));
        }
      },
      version};
  t.custom = &access;
  set_own_comparisons<T>(t);
  t.hashable = has_std_hash<T>;
  t.ordered = has_less<T>;
}

void set_text_layout(row_type& t);

template <class T>
row_type make_row_type() {
  row_type t;
  t.name = type_name<T>();
  t.size = sizeof(T);
  t.align = alignof(T);
  set_lifetime<T>(t);
  if constexpr (has_codec<T>) {
    t.kind = row_kind::custom;
    set_custom<T>(t);
  } else if constexpr (is_scalar<T>) {
    t.kind = std::is_same_v<T, bool>       ? row_kind::boolean
             : std::is_same_v<T, char>     ? row_kind::character
             : std::is_floating_point_v<T> ? row_kind::floating
                                           : row_kind::integer;
    t.is_signed = std::is_signed_v<T>;
    if constexpr (std::is_enum_v<T>) t.is_signed = std::is_signed_v<std::underlying_type_t<T>>;
    t.plain_bits = !std::is_floating_point_v<T>;
    t.hashable = t.ordered = true;
  } else if constexpr (is_text<T>) {
    t.kind = std::is_same_v<T, std::string> ? row_kind::text : row_kind::text_view;
    t.holds_views = std::is_same_v<T, std::string_view>;
    t.hashable = t.ordered = true;
    set_text_layout(t);
  } else if constexpr (is_duration_v<T> || is_time_point_v<T>) {
    t.kind = row_kind::time;
    set_time<T>(t);
  } else if constexpr (is_optional_v<T>) {
    t.kind = row_kind::optional;
    set_optional<T>(t);
  } else if constexpr (is_variant_v<T>) {
    t.kind = row_kind::variant;
    set_variant<T>(t, static_cast<typename variant_types<T>::type*>(nullptr));
  } else if constexpr (is_map_like<T>) {
    t.kind = row_kind::map;
    set_sequence<T>(t);
  } else if constexpr (is_sequence_like<T> || is_array_v<T>) {
    t.kind = row_kind::sequence;
    set_sequence<T>(t);
  } else {
    t.kind = row_kind::record;
    set_record<T>(t);
    t.hashable = is_hashable_v<T>;
    t.ordered = is_ordered_v<T>;
  }
  return t;
}

template <class T>
const row_type& row_type_of() {
  static_assert(row_check<T>::ok);
  static const row_type type = make_row_type<T>();
  return type;
}
// The commonest rows are described once, in the library.
extern template const row_type& row_type_of<bool>();
extern template const row_type& row_type_of<int>();
extern template const row_type& row_type_of<std::int64_t>();
extern template const row_type& row_type_of<double>();
extern template const row_type& row_type_of<std::string>();
extern template const row_type& row_type_of<std::string_view>();
extern template const row_type& row_type_of<std::pair<std::string_view, int>>();
extern template const row_type& row_type_of<std::pair<std::string_view, std::int64_t>>();

}  // namespace millrace::detail
