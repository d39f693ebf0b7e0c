// Rows as JSON text.
#include <simdjson.h>

#include <array>
#include <cstdio>

#include "millrace/detail/formats/row_text.hpp"

namespace millrace::detail {
namespace {

class printer {
 public:
  explicit printer(std::string& out) : out_(out) {}

  void value(const named_row& row, const void* at) {
    const row_type& type = *row.type;
    switch (type.kind) {
      case row_kind::boolean:
      case row_kind::integer: print_row(type, at, out_); return;
      case row_kind::floating: number(type, at); return;
      case row_kind::character:
      case row_kind::time:
        scratch_.clear();
        print_row(type, at, scratch_);
        text(scratch_);
        return;
      case row_kind::text_view: text(*static_cast<const std::string_view*>(at)); return;
      case row_kind::text: text(*static_cast<const std::string*>(at)); return;
      case row_kind::record:
        out_ += '{';
        for (std::uint32_t i = 0; i < row.parts.size(); ++i)
          field(row.names[i], *row.parts[i], static_cast<const char*>(at) + type.field(i).offset,
                i == 0);
        out_ += '}';
        return;
      case row_kind::sequence: elements(row, at, '[', ']', print_element); return;
      case row_kind::map: elements(row, at, '{', '}', print_entry); return;
      case row_kind::optional:
      case row_kind::variant: {
        const int index = type.alternative->index(at);
        if (index < 0) out_ += "null";
        else value(*row.parts[static_cast<std::size_t>(index)], type.alternative->get(at));
        return;
      }
      case row_kind::custom: return;  // refused at compile time
    }
  }

  void field(std::string_view name, const named_row& row, const void* at, bool first) {
    if (!first) out_ += ',';
    const std::string_view before = field_;
    field_ = name;
    text(name);
    out_ += ':';
    value(row, at);
    field_ = before;
  }

 private:
  struct list {
    printer& to;
    const named_row& row;
    bool first = true;
  };

  void elements(const named_row& row, const void* at, char open, char close,
                bool (*print)(void*, const void*)) {
    out_ += open;
    list all{*this, row};
    row.type->sequence->each(at, print, &all);
    out_ += close;
  }
  static bool print_element(void* self, const void* element) {
    list& all = *static_cast<list*>(self);
    if (!all.first) all.to.out_ += ',';
    all.first = false;
    all.to.value(*all.row.parts[0], element);
    return true;
  }
  static bool print_entry(void* self, const void* entry) {
    list& all = *static_cast<list*>(self);
    const row_type& pair = *all.row.type->sequence->element;
    std::string key;
    print_row(*all.row.parts[0]->type, static_cast<const char*>(entry) + pair.field(0).offset, key);
    all.to.field(key, *all.row.parts[1], static_cast<const char*>(entry) + pair.field(1).offset,
                 all.first);
    all.first = false;
    return true;
  }

  /// What is no number in JSON is text.
  void number(const row_type& type, const void* at) {
    const std::size_t begin = out_.size();
    print_row(type, at, out_);
    if (out_[begin] == 'n' || out_[begin] == 'i' || out_.back() == 'f') {
      out_.insert(begin, 1, '"');
      out_ += '"';
    }
  }

  void text(std::string_view bytes) {
    if (!simdjson::validate_utf8(bytes.data(), bytes.size()))
      throw error("JSON: this text is not UTF-8, in field \"" + std::string(field_) + "\"");
    out_ += '"';
    std::size_t done = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const auto c = static_cast<unsigned char>(bytes[i]);
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      out_.append(bytes, done, i - done);
      done = i + 1;
      switch (c) {
        case '"': out_ += "\\\""; break;
        case '\\': out_ += "\\\\"; break;
        case '\n': out_ += "\\n"; break;
        case '\r': out_ += "\\r"; break;
        case '\t': out_ += "\\t"; break;
        default: {
          std::array<char, 8> code;
          (void)std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(c));
          out_ += code.data();
        }
      }
    }
    out_.append(bytes, done);
    out_ += '"';
  }

  std::string& out_;
  std::string scratch_;
  std::string_view field_;  // the innermost, for messages
};

}  // namespace

void print_json(const named_row& row, const void* at, std::string& out) {
  printer(out).value(row, at);
}

void print_json(const row_columns& columns, const void* row, std::string& out) {
  if (columns.row().type->kind != row_kind::record) return print_json(columns.row(), row, out);
  printer to(out);
  out += '{';
  for (const row_columns::column& c : columns)
    to.field(c.name, *c.row, static_cast<const char*>(row) + c.offset, &c == &columns[0]);
  out += '}';
}

}  // namespace millrace::detail
