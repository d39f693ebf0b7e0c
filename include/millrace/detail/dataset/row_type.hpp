// What the untyped engine knows of a row: one static table a type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/detail/dataset/arena.hpp"

namespace millrace::detail {

enum class row_kind : std::uint8_t {
  boolean,
  character,  // prints as itself
  integer,    // signed or unsigned, 1 to 8 bytes; enumerations too
  floating,
  text_view,  // std::string_view
  text,       // std::string
  time,       // a std::chrono duration or time_point over an integer or floating count
  record,     // pair, tuple, plain aggregate: fields
  sequence,   // vector, array, deque, set …
  map,        // rows are pairs
  optional,
  variant,
  custom,  // mr::codec
};

struct row_type;

struct row_field {
  const row_type* type;
  std::uint32_t offset;
};

/// How elements of a container are reached; `type` is the container's own table entry.
struct sequence_access {
  const row_type* element;
  std::size_t (*size)(const void* row);
  /// Calls `visit(self, element)` for each element in order; stops early when it returns false.
  void (*each)(const void* row, bool (*visit)(void* self, const void* element), void* self);
  /// Makes a container of `n` elements at `to`; `fill(self, element)` constructs each,
  /// uninitialised memory for one element handed in.
  void (*build)(void* to, std::size_t n, void (*fill)(void* self, void* element), void* self);
};

struct alternative_access {  // optional (index 0 is the value, -1 none) and variant
  const row_type* const* alternatives;
  std::uint32_t count;
  int (*index)(const void* row);
  const void* (*get)(const void* row);
  void (*build)(void* to, int index, void (*fill)(void* self, void* value), void* self);
};

struct time_access {
  // Appends ISO 8601 (points) or a count with its unit (durations).
  void (*print)(const void* row, std::string& out);
  std::int64_t numerator;  // of the unit, in seconds
  std::int64_t denominator;
  bool point;
};

struct custom_access {
  void (*encode)(const void* row, byte_writer& out);
  void (*decode)(void* to, byte_reader& in, int version);
  int version;
};

/// A row type descriptor. `copy`, `move`, `destroy` are null where the type is trivial (memcpy and
/// nothing to destroy). `hash_with`, `equal_with`, `less_with` are set where the type brings its
/// own. Immutable, lives as long as the process.
struct row_type {
  std::string_view name;
  std::uint32_t size = 0;
  std::uint32_t align = 1;
  row_kind kind = row_kind::integer;
  bool is_signed = false;
  bool trivial = true;
  bool holds_views = false;
  bool plain_bits = false;  // equal exactly if the bytes are equal (no padding, no floating point)
  bool hashable = false;
  bool ordered = false;

  void (*copy)(void* to, const void* from, std::size_t n) = nullptr;
  void (*move)(void* to, void* from, std::size_t n) = nullptr;  // the source stays to be destroyed
  void (*destroy)(void* rows, std::size_t n) = nullptr;

  std::uint64_t (*hash_with)(const void* row) = nullptr;
  bool (*equal_with)(const void* a, const void* b) = nullptr;
  bool (*less_with)(const void* a, const void* b) = nullptr;

  const row_field* fields = nullptr;  // record
  std::uint32_t field_count = 0;
  bool bracketed = false;  // a record that prints as an aggregate, {a, b}, instead of (a,b)
  const sequence_access* sequence = nullptr;
  bool any_order = false;  // a container whose elements a hash orders
  const alternative_access* alternative = nullptr;
  const time_access* time = nullptr;
  const custom_access* custom = nullptr;

  /// Where a text row keeps its pointer and its length (both kinds of text).
  std::uint32_t text_pointer = 0;
  std::uint32_t text_length = 0;

  const row_field& field(std::uint32_t i) const { return fields[i]; }
};

/// Hash by value: version 1 of the partition hash, unseeded, the same on every machine and in every
/// run (a type's own std::hash excepted). Equal rows hash alike; NaN equals itself, -0.0 equals
/// 0.0.
std::uint64_t hash_row(const row_type& type, const void* row);
bool equal_rows(const row_type& type, const void* a, const void* b);
/// Strict weak order: lexicographic for records and sequences, bytes for text, NaN after all
/// numbers.
bool less_rows(const row_type& type, const void* a, const void* b);

void encode_row(const row_type& type, const void* row, byte_writer& out);
/// Constructs a row at `to`. Text that the row views is copied into `texts`. Throws mr::error on
/// bytes that `encode_row` never wrote; nothing is left constructed then.
void decode_row(const row_type& type, void* to, byte_reader& in, arena& texts);

/// Says how rows are encoded, `(text, int32)`: types of one signature decode each other's bytes.
std::string signature_of(const row_type& type);

/// Copies what the row views into `texts` and lets it view the copy.
void own_row(const row_type& type, void* row, arena& texts);

/// The text form of API §8: `(a,1)`, `[1, 2]`, `{k: v}`, `none`, `{field, field}`, ISO 8601.
void print_row(const row_type& type, const void* row, std::string& out);

/// 8 bytes whose unsigned order agrees with `less_rows`; `exact` where equal prefixes mean equal
/// rows.
struct sort_prefix {
  std::uint64_t (*of)(const row_type& type, const void* row);
  bool exact;
};
/// Null `of` where the type has no useful prefix.
sort_prefix sort_prefix_of(const row_type& type);

void copy_rows(const row_type& type, void* to, const void* from, std::size_t n);
void move_rows(const row_type& type, void* to, void* from, std::size_t n);
void destroy_rows(const row_type& type, void* rows, std::size_t n);

}  // namespace millrace::detail
