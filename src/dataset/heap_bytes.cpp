#include "dataset/heap_bytes.hpp"

#include <cstdint>
#include <string>

namespace millrace::detail {

namespace {

// What an allocation costs beside its bytes.
constexpr std::size_t overhead = 16;
// Behind a codec of the user's nothing can be seen.
constexpr std::size_t unknown = 64;

std::size_t of_row(const row_type& t, const void* row) {
  if (t.trivial) return 0;
  switch (t.kind) {
    case row_kind::text: {
      const auto& text = *static_cast<const std::string*>(row);
      return text.size() <= std::string().capacity() ? 0 : text.size() + overhead;
    }
    case row_kind::record: {
      std::size_t all = 0;
      for (std::uint32_t i = 0; i < t.field_count; ++i)
        all += of_row(*t.fields[i].type, static_cast<const char*>(row) + t.fields[i].offset);
      return all;
    }
    case row_kind::sequence:
    case row_kind::map: {
      const row_type& element = *t.sequence->element;
      const std::size_t n = t.sequence->size(row);
      std::size_t all = n == 0 ? 0 : n * element.size + overhead;
      if (element.trivial) return all;
      struct visitor {
        const row_type& element;
        std::size_t& all;
      } v{element, all};
      t.sequence->each(
          row,
          [](void* self, const void* e) {
            auto& to = *static_cast<visitor*>(self);
            to.all += of_row(to.element, e);
            return true;
          },
          &v);
      return all;
    }
    case row_kind::optional:
    case row_kind::variant: {
      const int i = t.alternative->index(row);
      return i < 0 ? 0 : of_row(*t.alternative->alternatives[i], t.alternative->get(row));
    }
    case row_kind::custom: return unknown;
    default: return 0;
  }
}

}  // namespace

std::size_t heap_bytes(const row_type& type, const void* rows, std::size_t n, std::size_t stride) {
  if (type.trivial) return 0;
  std::size_t all = 0;
  const char* row = static_cast<const char*>(rows);
  for (std::size_t i = 0; i < n; ++i, row += stride) all += of_row(type, row);
  return all;
}

}  // namespace millrace::detail
