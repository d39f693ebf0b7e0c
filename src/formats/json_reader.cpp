// JSON text into rows, by simdjson's on-demand parser: what no field wants is skipped unread.
#include <simdjson.h>

#include <bitset>
#include <cmath>
#include <limits>

#include "dataset/replace_row.hpp"
#include "millrace/detail/formats/row_text.hpp"

namespace millrace::detail {

namespace ondemand = simdjson::ondemand;

record_error::record_error(const std::string& why, std::string field, std::size_t offset)
    : error(why + (field.empty() ? "" : ", in field \"" + field + "\"") + ", at byte " +
            std::to_string(offset + 1)),
      field_(std::move(field)),
      offset_(offset) {}
record_error::~record_error() = default;

namespace {

constexpr std::size_t most_fields = 256;

bool is_document(const row_type& type) {
  return type.kind == row_kind::record || type.kind == row_kind::map ||
         type.kind == row_kind::sequence;
}

/// A row made at `to`, and destroyed when reading into it throws.
template <class Read>
void make_and_read(const named_row& row, void* to, Read read) {
  row.make(to);
  try {
    read();
  } catch (...) {
    destroy_rows(*row.type, to, 1);
    throw;
  }
}

struct one_document {
  const json_reading& how;
  ondemand::document& document;
  std::string_view text;
  std::size_t before;  // bytes that were put before the text
  bool begun = false;  // the document is one: where it stands can be asked
  std::string path{};  // of the field being read

  [[noreturn]] void refuse(const std::string& why, std::size_t at) const {
    throw record_error("JSON: " + why, path, at - std::min(at, before));
  }
  std::size_t here() {
    const char* at = nullptr;
    if (!begun) return 0;
    if (document.current_location().get(at) != simdjson::SUCCESS) return text.size();
    return static_cast<std::size_t>(at - text.data());
  }
  /// What only the parser knows.
  void check(simdjson::error_code code, const char* needed, std::size_t at) {
    if (code == simdjson::SUCCESS) return;
    switch (code) {
      case simdjson::INCORRECT_TYPE:
      case simdjson::SCALAR_DOCUMENT_AS_VALUE:
        if (needed != nullptr) refuse(std::string("here must be ") + needed, at);
        break;
      case simdjson::UTF8_ERROR: refuse("this is not UTF-8", 0);
      case simdjson::EMPTY: refuse("there is nothing", 0);
      case simdjson::UNCLOSED_STRING: refuse("a text has no end", 0);
      default: break;
    }
    refuse(std::string("this is no JSON (") + simdjson::error_message(code) + ")",
           std::max(at, std::min(here(), text.size())));
  }
};

class value_reader {
 public:
  explicit value_reader(one_document& of) : of_(of) {}

  /// Over the row that is at `to`.
  void read(const named_row& row, void* to, ondemand::value v) {
    const row_type& type = *row.type;
    const std::size_t at = of_.here();
    switch (type.kind) {
      case row_kind::boolean: {
        bool value = false;
        of_.check(v.get_bool().get(value), "true or false", at);
        *static_cast<bool*>(to) = value;
        return;
      }
      case row_kind::integer: return integer(type, to, v, at);
      case row_kind::floating: return floating(type, to, v, at);
      case row_kind::text: {
        std::string_view value;
        of_.check(v.get_string().get(value), "text", at);
        *static_cast<std::string*>(to) = value;
        return;
      }
      case row_kind::character:
      case row_kind::time: {
        std::string_view value;
        of_.check(v.get_string().get(value), "text", at);
        if (const char* const why = scalar_of_text(type, value, to)) of_.refuse(why, at);
        return;
      }
      case row_kind::record: return fields(row, to, v, at);
      case row_kind::sequence: return elements(row, to, v, at);
      case row_kind::map: return entries(row, to, v, at);
      case row_kind::optional: {
        bool empty = false;
        of_.check(v.is_null().get(empty), nullptr, at);
        return alternative(row, to, v, empty ? -1 : 0);
      }
      case row_kind::variant: return alternative(row, to, v, fitting(row, v, at));
      case row_kind::text_view:
      case row_kind::custom: return;  // refused at compile time
    }
  }

  template <class Columns>
  void object(const Columns& columns, void* to, ondemand::object& fields, std::size_t begin) {
    std::bitset<most_fields> seen;
    std::size_t likely = 0;
    const std::size_t depth = of_.path.size();
    for (auto one : fields) {
      const std::size_t at = of_.here();
      ondemand::field field;
      of_.check(std::move(one).get(field), nullptr, at);
      std::string_view name;
      of_.check(field.unescaped_key().get(name), nullptr, at);
      const std::size_t i = columns.find(name, likely);
      if (i == columns.size()) {
        if (of_.how.extra == extra_fields::fail)
          of_.refuse("no field of the row has this name: \"" + std::string(name) + "\"", at);
        continue;
      }
      if (depth != 0) of_.path += '.';
      of_.path += name;
      if (seen[i]) of_.refuse("this name is there twice", at);
      seen[i] = true;
      read(columns.row_of(i), static_cast<char*>(to) + columns.offset_of(i), field.value());
      of_.path.resize(depth);
      likely = i + 1 == columns.size() ? 0 : i + 1;
    }
    if (of_.how.missing == missing_fields::keep_default || seen.count() == columns.size()) return;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (seen[i] || columns.row_of(i).type->kind == row_kind::optional) continue;
      if (depth != 0) of_.path += '.';
      of_.path += columns.name_of(i);
      of_.refuse("this field is missing", begin);
    }
  }

 private:
  void integer(const row_type& type, void* to, ondemand::value v, std::size_t at) {
    std::string_view token = v.raw_json_token();
    while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                              token.back() == '\t'))
      token.remove_suffix(1);
    const bool number = !token.empty() && (token[0] == '-' || (token[0] >= '0' && token[0] <= '9'));
    const bool whole = token.find_first_of(".eE") == std::string_view::npos;
    if (!number || !whole) of_.refuse("here must be an integer", at);
    const std::size_t digits = token[0] == '-' ? 1 : 0;
    if (token.size() > digits + 1 && token[digits] == '0')
      of_.refuse("this is no JSON (a number begins with a zero)", at);
    if (const char* const why = scalar_of_text(type, token, to))
      of_.refuse(std::string(why) + ": " + std::string(token), at);
  }

  void floating(const row_type& type, void* to, ondemand::value v, std::size_t at) {
    ondemand::json_type kind{};
    of_.check(v.type().get(kind), nullptr, at);
    if (kind == ondemand::json_type::string) {
      std::string_view text;
      of_.check(v.get_string().get(text), nullptr, at);
      if (text != "nan" && text != "inf" && text != "-inf") of_.refuse("here must be a number", at);
      (void)scalar_of_text(type, text, to);
      return;
    }
    double value = 0;
    const auto code = v.get_double().get(value);
    if (code == simdjson::NUMBER_ERROR && kind == ondemand::json_type::number)
      of_.refuse("this is no number, or one out of range", at);
    of_.check(code, "a number", at);
    if (type.size == sizeof(float)) {
      if (std::abs(value) > static_cast<double>(std::numeric_limits<float>::max()))
        of_.refuse("the number is out of range", at);
      *static_cast<float*>(to) = static_cast<float>(value);
    } else if (type.size == sizeof(double)) {
      *static_cast<double*>(to) = value;
    } else {
      *static_cast<long double*>(to) = static_cast<long double>(value);
    }
  }

  struct record_fields {
    const named_row& row;
    std::size_t size() const { return row.parts.size(); }
    std::size_t find(std::string_view name, std::size_t likely) const {
      for (std::size_t i = 0; i < size(); ++i) {
        const std::size_t at = likely + i < size() ? likely + i : likely + i - size();
        if (row.names[at] == name) return at;
      }
      return size();
    }
    const named_row& row_of(std::size_t i) const { return *row.parts[i]; }
    std::uint32_t offset_of(std::size_t i) const {
      return row.type->field(static_cast<std::uint32_t>(i)).offset;
    }
    std::string_view name_of(std::size_t i) const { return row.names[i]; }
  };

  void fields(const named_row& row, void* to, ondemand::value v, std::size_t at) {
    ondemand::object all;
    of_.check(v.get_object().get(all), "an object", at);
    object(record_fields{row}, to, all, at);
  }

  void elements(const named_row& row, void* to, ondemand::value v, std::size_t at) {
    ondemand::array all;
    of_.check(v.get_array().get(all), "an array", at);
    std::size_t count = 0;
    of_.check(all.count_elements().get(count), nullptr, at);
    struct filling {
      value_reader& reader;
      const named_row& element;
      simdjson::simdjson_result<ondemand::array_iterator> next;
      std::size_t done = 0;
    } state{*this, *row.parts[0], all.begin()};
    const std::size_t depth = of_.path.size();
    placed(at, [&] {
      replace_row(*row.type, to, [&](void* fresh) {
        row.type->sequence->build(
            fresh, count,
            [](void* self, void* place) {
              auto& me = *static_cast<filling*>(self);
              one_document& of = me.reader.of_;
              const std::size_t parent = of.path.size();
              of.path += '[';
              of.path += std::to_string(me.done);
              of.path += ']';
              if (me.done++ != 0) ++me.next;
              ondemand::value one;
              of.check((*me.next).get(one), nullptr, of.here());
              make_and_read(me.element, place, [&] { me.reader.read(me.element, place, one); });
              of.path.resize(parent);
            },
            &state);
      });
    });
    // The iterator is behind the last one only now.
    if (count != 0) ++state.next;
    if (state.next != all.end()) of_.refuse("this is no JSON", of_.here());
    of_.path.resize(depth);
  }

  void entries(const named_row& row, void* to, ondemand::value v, std::size_t at) {
    ondemand::object all;
    of_.check(v.get_object().get(all), "an object", at);
    std::size_t count = 0;
    of_.check(all.count_fields().get(count), nullptr, at);
    struct filling {
      value_reader& reader;
      const named_row& row;
      simdjson::simdjson_result<ondemand::object_iterator> next;
      std::size_t done = 0;
    } state{*this, row, all.begin()};
    placed(at, [&] {
      replace_row(*row.type, to, [&](void* fresh) {
        row.type->sequence->build(
            fresh, count,
            [](void* self, void* place) {
              auto& me = *static_cast<filling*>(self);
              if (me.done++ != 0) ++me.next;
              me.reader.entry(me.row, place, *me.next);
            },
            &state);
      });
    });
    if (count != 0) ++state.next;
    if (state.next != all.end()) of_.refuse("this is no JSON", of_.here());
  }

  /// A map's pair, constructed at `place`.
  void entry(const named_row& row, void* place, simdjson::simdjson_result<ondemand::field> one) {
    const std::size_t at = of_.here();
    ondemand::field field;
    of_.check(std::move(one).get(field), nullptr, at);
    std::string_view name;
    of_.check(field.unescaped_key().get(name), nullptr, at);
    const std::size_t depth = of_.path.size();
    if (depth != 0) of_.path += '.';
    of_.path += name;
    const row_type& pair = *row.type->sequence->element;
    char* const key = static_cast<char*>(place) + pair.field(0).offset;
    char* const value = static_cast<char*>(place) + pair.field(1).offset;
    if (const char* const why = scalar_of_text(*row.parts[0]->type, name, key)) of_.refuse(why, at);
    try {
      make_and_read(*row.parts[1], value, [&] { read(*row.parts[1], value, field.value()); });
    } catch (...) {
      destroy_rows(*row.parts[0]->type, key, 1);
      throw;
    }
    of_.path.resize(depth);
  }

  void alternative(const named_row& row, void* to, ondemand::value v, int index) {
    struct filling {
      value_reader& reader;
      const named_row* chosen;
      ondemand::value v;
    } state{*this, index < 0 ? nullptr : row.parts[static_cast<std::size_t>(index)], v};
    replace_row(*row.type, to, [&](void* fresh) {
      row.type->alternative->build(
          fresh, index,
          [](void* self, void* place) {
            auto& me = *static_cast<filling*>(self);
            make_and_read(*me.chosen, place, [&] { me.reader.read(*me.chosen, place, me.v); });
          },
          &state);
    });
  }

  /// The first alternative for such a value; among numbers, integers where it is one.
  int fitting(const named_row& row, ondemand::value v, std::size_t at) {
    ondemand::json_type kind{};
    of_.check(v.type().get(kind), nullptr, at);
    const std::string_view token = v.raw_json_token();
    const bool whole = token.find_first_of(".eE") == std::string_view::npos;
    const auto fits = [&](row_kind k, bool exactly) {
      switch (kind) {
        case ondemand::json_type::boolean: return k == row_kind::boolean;
        case ondemand::json_type::number:
          return k == row_kind::floating ? !exactly || !whole : k == row_kind::integer && whole;
        case ondemand::json_type::string:
          return k == row_kind::text || k == row_kind::time || k == row_kind::character;
        case ondemand::json_type::object: return k == row_kind::record || k == row_kind::map;
        case ondemand::json_type::array: return k == row_kind::sequence;
        case ondemand::json_type::null: return k == row_kind::optional;
      }
      return false;
    };
    for (const bool exactly : {true, false})
      for (std::size_t i = 0; i < row.parts.size(); ++i)
        if (fits(row.parts[i]->type->kind, exactly)) return static_cast<int>(i);
    of_.refuse("no alternative of the field is of this kind", at);
  }

  /// What the container itself refuses, as a size that does not fit, has its place too.
  template <class Do>
  void placed(std::size_t at, Do run) {
    try {
      run();
    } catch (const record_error&) {
      throw;
    } catch (const error& e) {
      of_.refuse(e.what(), at);
    }
  }

  one_document& of_;
};

struct column_fields {
  const row_columns& all;
  std::size_t size() const { return all.size(); }
  std::size_t find(std::string_view name, std::size_t likely) const {
    return all.find(name, likely);
  }
  const named_row& row_of(std::size_t i) const { return *all[i].row; }
  std::uint32_t offset_of(std::size_t i) const { return all[i].offset; }
  std::string_view name_of(std::size_t i) const { return all[i].name; }
};

}  // namespace

struct json_reader::parser {
  row_columns columns;
  json_reading how;
  ondemand::parser of_text{};
  std::string copy{};

  /// The document itself, an object, an array; else (`before` is 1) the one element of an array
  /// that was put around it.
  void read(std::string_view text, std::size_t before, void* to) {
    const named_row& row = columns.row();
    ondemand::document document;
    one_document of{how, document, text, before};
    of.check(of_text.iterate(text.data(), text.size(), text.size() + padding).get(document),
             nullptr, 0);
    of.begun = true;
    value_reader reader(of);
    make_and_read(row, to, [&] {
      if (row.type->kind == row_kind::record) {
        ondemand::object all;
        const std::size_t at = of.here();
        of.check(document.get_object().get(all), "an object", at);
        reader.object(column_fields{columns}, to, all, at);
      } else if (before == 0) {
        ondemand::value value;
        of.check(document.get_value().get(value), "an array or an object", 0);
        reader.read(row, to, value);
      } else {
        ondemand::array one;
        of.check(document.get_array().get(one), nullptr, 0);
        std::size_t count = 0;
        of.check(one.count_elements().get(count), nullptr, 0);
        if (count != 1) of.refuse("here must be one value", 0);
        for (auto element : one) {
          ondemand::value value;
          of.check(element.get(value), nullptr, 0);
          reader.read(row, to, value);
        }
      }
      const char* rest = nullptr;
      if (document.current_location().get(rest) == simdjson::SUCCESS)
        of.refuse("there is more after the value", of.here());
    });
  }
};

json_reader::json_reader(const row_columns& columns, json_reading how)
    : parser_(new parser{columns, how}) {
  if (columns.size() > most_fields)
    throw usage_error("JSON: a row can't have so many fields: " + std::to_string(columns.size()));
}
json_reader::~json_reader() = default;

void json_reader::read(std::string_view text, void* to) {
  if (is_document(*parser_->columns.row().type)) parser_->read(text, 0, to);
  else read_copy(text, to);
}

void json_reader::read_copy(std::string_view text, void* to) {
  const bool document = is_document(*parser_->columns.row().type);
  std::string& copy = parser_->copy;
  copy.clear();
  if (!document) copy += '[';
  copy += text;
  if (!document) copy += ']';
  const std::size_t size = copy.size();
  copy.append(padding, '\0');
  parser_->read({copy.data(), size}, document ? 0 : 1, to);
}

}  // namespace millrace::detail
