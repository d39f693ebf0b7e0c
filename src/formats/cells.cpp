#include "millrace/detail/formats/cells.hpp"

#include "dataset/replace_row.hpp"

namespace millrace::detail {
namespace {

const row_type* optional_scalar(const named_row& row) {
  if (row.type->kind != row_kind::optional || !is_scalar_text(*row.parts[0]->type)) return nullptr;
  return row.parts[0]->type;
}

struct refused {
  const char* why;
};

}  // namespace

bool print_cell(const row_columns::column& column, const void* row, std::string& out) {
  const row_type& type = *column.row->type;
  const void* const at = static_cast<const char*>(row) + column.offset;
  if (type.kind == row_kind::optional && type.alternative->index(at) < 0) return false;
  if (const row_type* const scalar = optional_scalar(*column.row))
    print_row(*scalar, type.alternative->get(at), out);
  else if (is_scalar_text(type)) print_row(type, at, out);
  else print_json(*column.row, at, out);
  return true;
}

cell_reader::cell_reader(const row_columns& columns, json_reading how) : columns_(columns) {
  for (const row_columns::column& c : columns) {
    const bool scalar = is_scalar_text(*c.row->type) || optional_scalar(*c.row) != nullptr;
    json_.push_back(scalar ? nullptr
                           : std::make_unique<json_reader>(row_columns("cell", *c.row, {}), how));
  }
}
cell_reader::~cell_reader() = default;

std::string cell_reader::set(std::size_t column, std::string_view text, void* row) {
  const row_columns::column& c = columns_[column];
  const row_type& type = *c.row->type;
  void* const to = static_cast<char*>(row) + c.offset;
  if (type.kind == row_kind::text) {
    *static_cast<std::string*>(to) = text;
    return {};
  }
  if (is_scalar_text(type)) {
    const char* const why = scalar_of_text(type, text, to);
    return why == nullptr ? "" : why;
  }
  try {
    replace_row(type, to, [&](void* fresh) {
      const row_type* const scalar = optional_scalar(*c.row);
      if (scalar == nullptr) return json_[column]->read_copy(text, fresh);
      struct filling {
        const row_type& type;
        std::string_view text;
      } fill{*scalar, text};
      type.alternative->build(
          fresh, 0,
          [](void* self, void* place) {
            const filling& f = *static_cast<const filling*>(self);
            if (const char* const why = scalar_of_text(f.type, f.text, place)) throw refused{why};
          },
          &fill);
    });
  } catch (const refused& r) {
    return r.why;
  } catch (const record_error& e) {
    return e.what();
  }
  return {};
}

}  // namespace millrace::detail
