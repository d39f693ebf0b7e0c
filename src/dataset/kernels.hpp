// The loops that decide the speed, compiled once for any CPU and once for AVX2; chosen at start.
// Plain data in and out. Files that include kernels.inc are compiled with other instruction sets,
// so they must instantiate nothing that the linker could share: no std templates, no inline
// functions with external linkage (it might keep the AVX2 copy for everybody).
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::detail {

class arena;

/// How a key lies in a row and how it is found in a table.
enum class key_form : std::uint8_t {
  text,     // any bytes; up to 16 inline, longer ones in the table's arena
  bits,     // up to 16 bytes that are equal exactly if the keys are
  packed,   // the same after leaving out padding
  general,  // by the row type's hash and equality (not in these kernels)
};

struct key_segment {
  std::uint32_t from;  // in the row
  std::uint32_t size;
};

struct key_source {
  key_form form;
  std::uint32_t pointer_at;  // text, in the row
  std::uint32_t length_at;
  std::uint32_t at;    // bits
  std::uint32_t size;  // bits and packed: bytes of the key
  const key_segment* segments;
  std::uint32_t segment_count;
};

/// The inline part of an entry: 24 bytes, then the value. Long texts: pointer and first 8 bytes.
struct entry_head {
  char key[16];
  std::uint32_t hash;
  std::uint32_t length;
};
static_assert(sizeof(entry_head) == 24);

/// What kernels see of a table. Entries lie in order of arrival; the index finds them.
struct table_core {
  char* entries;
  std::uint32_t* index;
  std::uint32_t mask;
  std::uint32_t used;
  std::uint32_t stride;
  std::uint32_t value_at;
  std::uint64_t seed;     // 0: slots follow the entry's hash; else a hash of the key with this seed
  std::uint32_t crowded;  // set when a probe grew longer than it should
  arena* texts;
};

// A word of the index: 0 where it is free; else, in the bits of `mask`, an entry's number + 1 and
// above them those of its position. So most entries of other keys are passed by without a look at
// them. Static: see above.
static inline std::uint32_t index_word(const table_core* t, std::uint32_t number,
                                       std::uint32_t position) {
  return (position & ~t->mask) | number;
}
static inline bool index_matches(const table_core* t, std::uint32_t word, std::uint32_t position) {
  return ((word ^ position) & ~t->mask) == 0;
}

/// A probe longer than this means chosen keys or bad luck; the table then reseeds itself.
inline constexpr std::uint32_t longest_probe = 128;

/// A slot pointer whose lowest bit is set belongs to a key that was new: its value is unmade.
inline constexpr std::uintptr_t fresh_slot = 1;

struct text_view {  // std::string_view as libstdc++ lays it out; checked where it is used
  std::size_t size;
  const char* data;
};

struct kernel_set {
  const char* name;
  // Cuts text at line ends ('\n') and at a delimiter into out (room for cap + 64), beginning at
  // pos; stops after about cap. start: where the unfinished piece begins. Reads up to 64 bytes past
  // the end.
  std::uint32_t (*cut_lines)(const char* text, std::size_t n, std::size_t* pos, std::size_t* start,
                             text_view* out, std::uint32_t cap);
  std::uint32_t (*cut_fields)(const char* text, std::size_t n, char delimiter, std::size_t* pos,
                              std::size_t* start, text_view* out, std::uint32_t cap);
  // The same at any run of white space, without empty pieces.
  std::uint32_t (*cut_words)(const char* text, std::size_t n, std::size_t* pos, std::size_t* start,
                             text_view* out, std::uint32_t cap);
  // Room for n new entries was reserved. slots[i]: the value of row i's key, tagged where new.
  void (*find)(table_core* t, const key_source* key, const char* rows, std::uint32_t row_stride,
               std::uint32_t n, void** slots);
  // find and add in one: for values of 4 or 8 byte integers and double.
  void (*sum_int32)(table_core* t, const key_source* key, const char* rows,
                    std::uint32_t row_stride, std::uint32_t value_in_row, std::uint32_t n);
  void (*sum_int64)(table_core* t, const key_source* key, const char* rows,
                    std::uint32_t row_stride, std::uint32_t value_in_row, std::uint32_t n);
  void (*sum_double)(table_core* t, const key_source* key, const char* rows,
                     std::uint32_t row_stride, std::uint32_t value_in_row, std::uint32_t n);
  // The keys of entries of the same layout, their hashes known.
  void (*merge)(table_core* t, const char* entries, std::uint32_t n, void** slots);
  // The partition hashes of the rows' keys.
  void (*hash)(const key_source* key, const char* rows, std::uint32_t row_stride, std::uint32_t n,
               std::uint32_t* hashes);
  // The index position of an entry under the table's seed.
  std::uint32_t (*position)(const table_core* t, const char* entry);
  // Appends rows as new entries without looking for equal keys; values stay unmade.
  void (*append)(table_core* t, const key_source* key, const char* rows, std::uint32_t row_stride,
                 std::uint32_t n, void** slots);
  // find without adding: null where the key is not in the table, which has an index.
  void (*look_up)(table_core* t, const key_source* key, const char* rows, std::uint32_t row_stride,
                  std::uint32_t n, void** slots);
};

/// The set for this CPU. MILLRACE_KERNELS=portable|avx2 overrides, for tests and comparisons.
const kernel_set& kernels();
const kernel_set& portable_kernels();
const kernel_set* avx2_kernels();  // null where the CPU or the build has none

/// For kernels: the arena's copy, out of line.
const char* copy_text(arena* texts, const char* bytes, std::size_t n);

}  // namespace millrace::detail
