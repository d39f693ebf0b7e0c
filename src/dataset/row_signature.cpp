// What encoded rows look like, in words.
#include "millrace/detail/dataset/row_type.hpp"

namespace millrace::detail {

namespace {

void append(const row_type& t, std::string& out) {
  const std::string bits = std::to_string(t.size * 8);
  switch (t.kind) {
    case row_kind::boolean: out += "bool"; return;
    case row_kind::character: out += "char"; return;
    case row_kind::integer: out += (t.is_signed ? "int" : "uint") + bits; return;
    case row_kind::floating: out += "float" + bits; return;
    case row_kind::text_view:
    case row_kind::text: out += "text"; return;
    case row_kind::time:
      out += t.time->point ? "time" : "duration";
      out += (t.plain_bits ? (t.is_signed ? "_int" : "_uint") : "_float") + bits + "[" +
             std::to_string(t.time->numerator) + "/" + std::to_string(t.time->denominator) + "s]";
      return;
    case row_kind::record:
      out += '(';
      for (std::uint32_t i = 0; i < t.field_count; ++i) {
        if (i != 0) out += ", ";
        append(*t.fields[i].type, out);
      }
      out += ')';
      return;
    case row_kind::sequence:
      out += '[';
      append(*t.sequence->element, out);
      out += ']';
      return;
    case row_kind::map: {
      const row_type& pair = *t.sequence->element;
      out += '{';
      append(*pair.fields[0].type, out);
      out += ": ";
      append(*pair.fields[1].type, out);
      out += '}';
      return;
    }
    case row_kind::optional:
      out += "optional ";
      append(*t.alternative->alternatives[0], out);
      return;
    case row_kind::variant:
      out += '<';
      for (std::uint32_t i = 0; i < t.alternative->count; ++i) {
        if (i != 0) out += " | ";
        append(*t.alternative->alternatives[i], out);
      }
      out += '>';
      return;
    case row_kind::custom: out += t.name; return;
  }
}

}  // namespace

std::string signature_of(const row_type& type) {
  std::string text;
  append(type, text);
  return text;
}

}  // namespace millrace::detail
