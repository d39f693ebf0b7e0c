#include "millrace/detail/dataset/row_type.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include "dataset/replace_row.hpp"
#include "millrace/detail/base/hash.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

template const row_type& row_type_of<bool>();
template const row_type& row_type_of<int>();
template const row_type& row_type_of<std::int64_t>();
template const row_type& row_type_of<double>();
template const row_type& row_type_of<std::string>();
template const row_type& row_type_of<std::string_view>();
template const row_type& row_type_of<std::pair<std::string_view, int>>();
template const row_type& row_type_of<std::pair<std::string_view, std::int64_t>>();

namespace {

const char* bytes_of(const void* row) { return static_cast<const char*>(row); }
const void* at(const void* row, const row_field& f) { return bytes_of(row) + f.offset; }
void* at(void* row, const row_field& f) { return static_cast<char*>(row) + f.offset; }

std::string_view text_of(const row_type& t, const void* row) {
  return t.kind == row_kind::text ? std::string_view(*static_cast<const std::string*>(row))
                                  : *static_cast<const std::string_view*>(row);
}

std::uint64_t bits_of(const row_type& t, const void* row) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, row, t.size);
  return bits;
}

std::int64_t signed_of(const row_type& t, const void* row) {
  const int unused = 64 - 8 * static_cast<int>(t.size);
  return static_cast<std::int64_t>(bits_of(t, row) << unused) >> unused;
}

long double floating_of(const row_type& t, const void* row) {
  if (t.size == sizeof(float)) return *static_cast<const float*>(row);
  if (t.size == sizeof(double)) return *static_cast<const double*>(row);
  return *static_cast<const long double*>(row);
}

/// Bits that are equal exactly where the numbers count as equal keys.
std::uint64_t canonical_floating(const row_type& t, const void* row) {
  const double x = static_cast<double>(floating_of(t, row));
  if (std::isnan(x)) return 0x7ff8000000000000;
  return x == 0 ? 0 : std::bit_cast<std::uint64_t>(x);
}

bool is_floating_time(const row_type& t) { return t.kind == row_kind::time && !t.plain_bits; }

std::uint64_t mix_in(std::uint64_t state, std::uint64_t value) {
  return mix(state ^ hash_constant_0, value ^ hash_constant_1);
}

}  // namespace

void finish_record(row_type& t, const row_field* fields, std::size_t n) {
  t.fields = fields;
  t.field_count = static_cast<std::uint32_t>(n);
  std::size_t covered = 0;
  bool bits = true;
  for (std::size_t i = 0; i < n; ++i) {
    covered += fields[i].type->size;
    bits = bits && fields[i].type->plain_bits;
    t.holds_views = t.holds_views || fields[i].type->holds_views;
  }
  t.plain_bits = bits && n != 0 && covered == t.size;
}

void set_text_layout(row_type& t) {
#ifdef __GLIBCXX__
  // Both kinds of text keep a pointer and a length in their first 16 bytes, in opposite orders;
  // found by looking, so that a library that does otherwise is noticed.
  const std::string_view view = "a text that is longer than any inline buffer of a string";
  const std::string text(view);
  const void* row = t.kind == row_kind::text ? static_cast<const void*>(&text) : &view;
  const char* data = t.kind == row_kind::text ? text.data() : view.data();
  const auto word = [&](std::uint32_t offset) {
    std::uint64_t w = 0;
    std::memcpy(&w, bytes_of(row) + offset, sizeof w);
    return w;
  };
  for (std::uint32_t offset : {0U, 8U}) {
    if (word(offset) == reinterpret_cast<std::uint64_t>(data)) t.text_pointer = offset;
    if (word(offset) == view.size()) t.text_length = offset;
  }
  if (t.text_pointer == t.text_length)
    throw error("millrace does not know how this standard library lays out text");
#else
#error "millrace reads text rows by libstdc++'s layout; build with libstdc++"
#endif
}

std::uint64_t hash_row(const row_type& t, const void* row) {
  if (t.hash_with != nullptr) return mix_in(t.hash_with(row), 0);
  switch (t.kind) {
    case row_kind::text_view:
    case row_kind::text: {
      const auto text = text_of(t, row);
      return hash_bytes(text.data(), text.size());
    }
    case row_kind::floating: return mix_in(canonical_floating(t, row), 1);
    case row_kind::time:
      return mix_in(is_floating_time(t) ? canonical_floating(t, row) : bits_of(t, row), 1);
    case row_kind::boolean:
    case row_kind::character:
    case row_kind::integer: return mix_in(bits_of(t, row), 1);
    case row_kind::record: {
      std::uint64_t state = t.field_count;
      for (std::uint32_t i = 0; i < t.field_count; ++i)
        state = mix_in(state, hash_row(*t.fields[i].type, at(row, t.fields[i])));
      return state;
    }
    case row_kind::sequence:
    case row_kind::map: {
      struct visitor {
        const row_type& element;
        std::uint64_t state;
        bool ordered;
      } v{*t.sequence->element, t.sequence->size(row), !t.any_order};
      t.sequence->each(
          row,
          [](void* self, const void* e) {
            auto& seen = *static_cast<visitor*>(self);
            const auto h = hash_row(seen.element, e);
            // A hashed map gives its pairs in any order: add, so that order does not count.
            seen.state = seen.ordered ? mix_in(seen.state, h) : seen.state + h;
            return true;
          },
          &v);
      return mix_in(v.state, 2);
    }
    case row_kind::optional:
    case row_kind::variant: {
      const int i = t.alternative->index(row);
      if (i < 0) return mix_in(0, 3);
      return mix_in(static_cast<std::uint64_t>(i) + 1,
                    hash_row(*t.alternative->alternatives[i], t.alternative->get(row)));
    }
    case row_kind::custom: break;
  }
  throw usage_error("a key of this type needs std::hash and ==: " + std::string(t.name));
}

namespace {

/// The addresses of a container's elements; of copies where it only gives proxies.
class elements {
 public:
  elements(const row_type& t, const void* row) : type_(*t.sequence->element) {
    const std::size_t n = t.sequence->size(row);
    memory_ = std::make_unique<std::byte[]>(n * type_.size + type_.align);
    void* start = memory_.get();
    std::size_t space = n * type_.size + type_.align;
    rows_ = static_cast<char*>(std::align(type_.align, n * type_.size, start, space));
    t.sequence->each(
        row,
        [](void* self, const void* e) {
          auto& all = *static_cast<elements*>(self);
          copy_rows(all.type_, all.rows_ + all.count_ * all.type_.size, e, 1);
          ++all.count_;
          return true;
        },
        this);
  }
  elements(const elements&) = delete;
  elements& operator=(const elements&) = delete;
  ~elements() { destroy_rows(type_, rows_, count_); }
  std::size_t size() const { return count_; }
  const void* operator[](std::size_t i) const { return rows_ + i * type_.size; }

 private:
  const row_type& type_;
  std::unique_ptr<std::byte[]> memory_;
  char* rows_ = nullptr;
  std::size_t count_ = 0;
};

template <class X>
int compare(X a, X b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

int compare_floating(long double a, long double b) {
  const bool a_nan = std::isnan(a);
  const bool b_nan = std::isnan(b);
  if (a_nan || b_nan) return static_cast<int>(a_nan) - static_cast<int>(b_nan);
  return compare(a, b);
}

int compare_rows(const row_type& t, const void* a, const void* b) {
  if (t.less_with != nullptr) return t.less_with(a, b) ? -1 : t.less_with(b, a) ? 1 : 0;
  switch (t.kind) {
    case row_kind::text_view:
    case row_kind::text: return text_of(t, a).compare(text_of(t, b));
    case row_kind::floating: return compare_floating(floating_of(t, a), floating_of(t, b));
    case row_kind::time:
      if (is_floating_time(t)) return compare_floating(floating_of(t, a), floating_of(t, b));
      [[fallthrough]];
    case row_kind::boolean:
    case row_kind::character:
    case row_kind::integer:
      return t.is_signed ? compare(signed_of(t, a), signed_of(t, b))
                         : compare(bits_of(t, a), bits_of(t, b));
    case row_kind::record:
      for (std::uint32_t i = 0; i < t.field_count; ++i)
        if (int c = compare_rows(*t.fields[i].type, at(a, t.fields[i]), at(b, t.fields[i])); c != 0)
          return c;
      return 0;
    case row_kind::sequence:
    case row_kind::map: {
      const elements left(t, a);
      const elements right(t, b);
      for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i)
        if (int c = compare_rows(*t.sequence->element, left[i], right[i]); c != 0) return c;
      return compare(left.size(), right.size());
    }
    case row_kind::optional:
    case row_kind::variant: {
      const int i = t.alternative->index(a);
      const int j = t.alternative->index(b);
      if (i != j || i < 0) return compare(i, j);
      return compare_rows(*t.alternative->alternatives[i], t.alternative->get(a),
                          t.alternative->get(b));
    }
    case row_kind::custom: break;
  }
  throw usage_error("rows of this type have no order, give them operator<: " + std::string(t.name));
}

}  // namespace

bool less_rows(const row_type& t, const void* a, const void* b) {
  return compare_rows(t, a, b) < 0;
}

bool equal_rows(const row_type& t, const void* a, const void* b) {
  if (t.equal_with != nullptr) return t.equal_with(a, b);
  if (t.plain_bits) return std::memcmp(a, b, t.size) == 0;
  switch (t.kind) {
    case row_kind::text_view:
    case row_kind::text: return text_of(t, a) == text_of(t, b);
    case row_kind::floating:
    case row_kind::time: return compare_floating(floating_of(t, a), floating_of(t, b)) == 0;
    case row_kind::record:
      for (std::uint32_t i = 0; i < t.field_count; ++i)
        if (!equal_rows(*t.fields[i].type, at(a, t.fields[i]), at(b, t.fields[i]))) return false;
      return true;
    case row_kind::map:
    case row_kind::sequence: {
      const elements left(t, a);
      const elements right(t, b);
      if (left.size() != right.size()) return false;
      const row_type& e = *t.sequence->element;
      std::vector<bool> taken(t.any_order ? right.size() : 0);
      for (std::size_t i = 0; i < left.size(); ++i) {
        if (!t.any_order) {
          if (!equal_rows(e, left[i], right[i])) return false;
          continue;
        }
        std::size_t j = 0;  // the same elements may come in another order, each as often
        while (j < right.size() && (taken[j] || !equal_rows(e, left[i], right[j]))) ++j;
        if (j == right.size()) return false;
        taken[j] = true;
      }
      return true;
    }
    case row_kind::optional:
    case row_kind::variant: {
      const int i = t.alternative->index(a);
      if (i != t.alternative->index(b)) return false;
      return i < 0 || equal_rows(*t.alternative->alternatives[i], t.alternative->get(a),
                                 t.alternative->get(b));
    }
    default: break;
  }
  throw usage_error("a key of this type needs std::hash and ==: " + std::string(t.name));
}

void encode_row(const row_type& t, const void* row, byte_writer& out) {
  switch (t.kind) {
    case row_kind::boolean:
    case row_kind::character:
    case row_kind::integer:
    case row_kind::floating:
    case row_kind::time: out.raw(row, t.size); return;
    case row_kind::text_view:
    case row_kind::text: out.text(text_of(t, row)); return;
    case row_kind::record:
      for (std::uint32_t i = 0; i < t.field_count; ++i)
        encode_row(*t.fields[i].type, at(row, t.fields[i]), out);
      return;
    case row_kind::sequence:
    case row_kind::map: {
      struct visitor {
        const row_type& element;
        byte_writer& out;
      } v{*t.sequence->element, out};
      out.varint(t.sequence->size(row));
      t.sequence->each(
          row,
          [](void* self, const void* e) {
            auto& to = *static_cast<visitor*>(self);
            encode_row(to.element, e, to.out);
            return true;
          },
          &v);
      return;
    }
    case row_kind::optional:
    case row_kind::variant: {
      const int i = t.alternative->index(row);
      out.varint(static_cast<std::uint64_t>(i + 1));
      if (i >= 0) encode_row(*t.alternative->alternatives[i], t.alternative->get(row), out);
      return;
    }
    case row_kind::custom:
      out.varint(static_cast<std::uint64_t>(t.custom->version));
      t.custom->encode(row, out);
      return;
  }
}

void refuse_codec_version(int written, int known) {
  throw error(
      "rows were written by version " + std::to_string(written) +
      " of their codec; give it decode(byte_reader&, int version) to read them with version " +
      std::to_string(known));
}

void refuse_array_size(std::size_t n, std::size_t expected) {
  throw error("damaged row: an array of " + std::to_string(expected) + " elements claims " +
              std::to_string(n));
}

namespace {
// Nothing in the bytes bounds how many there are of these.
constexpr std::uint64_t most_rows_without_bytes = std::uint64_t{1} << 24;

/// Whether every encoded row takes a byte at least.
bool has_bytes(const row_type& t) {
  return t.kind != row_kind::record ||
         std::any_of(t.fields, t.fields + t.field_count,
                     [](const row_field& f) { return has_bytes(*f.type); });
}

struct decoder {
  const row_type& type;
  byte_reader& in;
  arena& texts;
  static void fill(void* self, void* to) {
    auto& d = *static_cast<decoder*>(self);
    decode_row(d.type, to, d.in, d.texts);
  }
};
}  // namespace

void decode_row(const row_type& t, void* to, byte_reader& in, arena& texts) {
  switch (t.kind) {
    case row_kind::boolean: {
      const auto byte = in.u8();
      if (byte > 1) throw error("damaged row: a bool holds " + std::to_string(byte));
      ::new (to) bool(byte != 0);
      return;
    }
    case row_kind::character:
    case row_kind::integer:
    case row_kind::floating:
    case row_kind::time: in.raw(to, t.size); return;
    case row_kind::text_view: ::new (to) std::string_view(texts.copy(in.text())); return;
    case row_kind::text: ::new (to) std::string(in.text()); return;
    case row_kind::record: {
      std::uint32_t done = 0;
      try {
        for (; done < t.field_count; ++done)
          decode_row(*t.fields[done].type, at(to, t.fields[done]), in, texts);
      } catch (...) {
        while (done != 0) {
          --done;
          destroy_rows(*t.fields[done].type, at(to, t.fields[done]), 1);
        }
        throw;
      }
      return;
    }
    case row_kind::sequence:
    case row_kind::map: {
      const auto n = in.varint();
      if (n > (has_bytes(*t.sequence->element) ? in.remaining() : most_rows_without_bytes))
        throw error("damaged row: a sequence claims more elements than bytes are left, " +
                    std::to_string(n));
      decoder d{*t.sequence->element, in, texts};
      t.sequence->build(to, n, decoder::fill, &d);
      return;
    }
    case row_kind::optional:
    case row_kind::variant: {
      const auto i = in.varint();
      if (i > t.alternative->count || (i == 0 && t.kind == row_kind::variant))
        throw error("damaged row: there is no alternative " + std::to_string(i));
      const int index = static_cast<int>(i) - 1;
      const row_type& chosen = index < 0 ? t : *t.alternative->alternatives[index];
      decoder d{chosen, in, texts};
      t.alternative->build(to, index, decoder::fill, &d);
      return;
    }
    case row_kind::custom: {
      const std::uint64_t version = in.varint();
      if (version == 0 || version > static_cast<std::uint64_t>(t.custom->version))
        throw error("a row was written by a newer codec of " + std::string(t.name) +
                    ", or is damaged; versions written and known: " + std::to_string(version) +
                    ", " + std::to_string(t.custom->version));
      try {
        t.custom->decode(to, in, static_cast<int>(version));
      } catch (const error&) {
        throw;
      } catch (...) {
        std::throw_with_nested(
            error("damaged row: its codec refused the bytes of a " + std::string(t.name)));
      }
      return;
    }
  }
}

namespace {
/// Rebuilds a container whose elements hold views: elements are copied, owned, put back.
struct owner {
  const row_type& type;
  const elements& from;
  arena& texts;
  std::size_t next = 0;
  static void fill(void* self, void* to) {
    auto& o = *static_cast<owner*>(self);
    copy_rows(o.type, to, o.from[o.next++], 1);
    own_row(o.type, to, o.texts);
  }
};
struct value_owner {
  const row_type& type;
  const void* from;
  arena& texts;
  static void fill(void* self, void* to) {
    auto& o = *static_cast<value_owner*>(self);
    copy_rows(o.type, to, o.from, 1);
    own_row(o.type, to, o.texts);
  }
};

}  // namespace

void own_row(const row_type& t, void* row, arena& texts) {
  if (!t.holds_views) return;
  switch (t.kind) {
    case row_kind::text_view: {
      auto& view = *static_cast<std::string_view*>(row);
      view = texts.copy(view);
      return;
    }
    case row_kind::record:
      for (std::uint32_t i = 0; i < t.field_count; ++i)
        if (t.fields[i].type->holds_views) own_row(*t.fields[i].type, at(row, t.fields[i]), texts);
      return;
    case row_kind::sequence:
    case row_kind::map: {
      const elements all(t, row);
      replace_row(t, row, [&](void* to) {
        owner o{*t.sequence->element, all, texts};
        t.sequence->build(to, all.size(), owner::fill, &o);
      });
      return;
    }
    case row_kind::optional:
    case row_kind::variant: {
      const int i = t.alternative->index(row);
      if (i < 0 || !t.alternative->alternatives[i]->holds_views) return;
      replace_row(t, row, [&](void* to) {
        value_owner o{*t.alternative->alternatives[i], t.alternative->get(row), texts};
        t.alternative->build(to, i, value_owner::fill, &o);
      });
      return;
    }
    default: return;
  }
}

sort_prefix sort_prefix_of(const row_type& t) {
  if (t.less_with != nullptr) return {nullptr, false};
  switch (t.kind) {
    case row_kind::boolean:
    case row_kind::character:
    case row_kind::integer:
      if (t.is_signed)
        return {[](const row_type& type, const void* row) {
                  return static_cast<std::uint64_t>(signed_of(type, row)) ^
                         (std::uint64_t{1} << 63);
                },
                true};
      return {[](const row_type& type, const void* row) { return bits_of(type, row); }, true};
    case row_kind::floating:
      if (t.size > sizeof(double)) return {nullptr, false};
      return {[](const row_type& type, const void* row) {
                const auto bits = canonical_floating(type, row);
                const auto sign = std::uint64_t{1} << 63;
                return (bits & sign) != 0 ? ~bits : bits | sign;
              },
              true};
    case row_kind::text_view:
    case row_kind::text:
      return {[](const row_type& type, const void* row) {
                const auto text = text_of(type, row);
                std::uint64_t word = 0;
                if (!text.empty())
                  std::memcpy(&word, text.data(), std::min<std::size_t>(text.size(), 8));
                return __builtin_bswap64(word);
              },
              false};
    default: return {nullptr, false};
  }
}

void copy_rows(const row_type& t, void* to, const void* from, std::size_t n) {
  if (t.trivial) {
    if (n != 0) std::memcpy(to, from, n * t.size);
  } else {
    t.copy(to, from, n);
  }
}

void move_rows(const row_type& t, void* to, void* from, std::size_t n) {
  if (t.trivial) {
    if (n != 0) std::memcpy(to, from, n * t.size);
  } else {
    t.move(to, from, n);
  }
}

void destroy_rows(const row_type& t, void* rows, std::size_t n) {
  if (!t.trivial && n != 0) t.destroy(rows, n);
}

}  // namespace millrace::detail
