#include "cells.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "frame.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/detail/storage/memory.hpp"
#include "millrace/error.hpp"

namespace millrace::python {

namespace {

struct cell_row {
  std::vector<detail::row_field> fields;
  std::vector<std::string> names;
  std::vector<std::string_view> name_views;
  std::vector<const detail::named_row*> parts;
  detail::row_type type;
  detail::named_row named;
};

template <class T>
std::pair<const detail::row_type*, const detail::named_row*> facts_of() {
  return {&detail::row_type_of<std::optional<T>>(), &detail::named_row_of<std::optional<T>>()};
}

std::pair<const detail::row_type*, const detail::named_row*> facts_of(char kind) {
  switch (kind) {
    case 's': return facts_of<std::string_view>();
    case 'i': return facts_of<std::int64_t>();
    case 'f': return facts_of<double>();
    case 'o': return facts_of<bool>();
    default: throw usage_error(std::string("no column is of kind ") + kind);
  }
}

const cell_row& cell_row_of(const std::string& kinds) {
  static std::mutex mutex;
  static auto* const all = new std::map<std::string, std::unique_ptr<cell_row>>;
  const std::lock_guard lock(mutex);
  std::unique_ptr<cell_row>& one = (*all)[kinds];
  if (one != nullptr) return *one;
  if (kinds.empty()) throw usage_error("a row has no columns");
  auto made = std::make_unique<cell_row>();
  std::uint32_t size = 0;
  std::uint32_t align = 1;
  const auto rounded = [](std::uint32_t n, std::uint32_t to) { return (n + to - 1) / to * to; };
  for (const char kind : kinds) {
    const auto [type, named] = facts_of(kind);
    size = rounded(size, type->align);
    made->fields.push_back({type, size});
    made->parts.push_back(named);
    std::string name = "_";
    name += std::to_string(made->fields.size());
    made->names.push_back(std::move(name));
    size += type->size;
    align = std::max(align, type->align);
    made->type.holds_views = made->type.holds_views || type->holds_views;
  }
  made->name_views.assign(made->names.begin(), made->names.end());
  made->type.name = "columns";
  made->type.size = rounded(size, align);
  made->type.align = align;
  made->type.kind = detail::row_kind::record;
  made->type.fields = made->fields.data();
  made->type.field_count = static_cast<std::uint32_t>(made->fields.size());
  made->named = {&made->type, nullptr, made->name_views, made->parts};
  one = std::move(made);
  return *one;
}

template <class T>
const char* put(const char* at, const char* end, void* to) {
  T value;
  if (static_cast<std::size_t>(end - at) < sizeof value) return nullptr;
  std::memcpy(&value, at, sizeof value);
  ::new (to) std::optional<T>(value);
  return at + sizeof value;
}

const char* put_text(const char* at, const char* end, void* to) {
  std::uint32_t size = 0;
  if (static_cast<std::size_t>(end - at) < sizeof size) return nullptr;
  std::memcpy(&size, at, sizeof size);
  at += sizeof size;
  if (static_cast<std::size_t>(end - at) < size) return nullptr;
  ::new (to) std::optional<std::string_view>(std::in_place, at, size);
  return at + size;
}

/// A cell is 0, or 1 and its value. Null: it is cut short.
const char* read_cell(const detail::row_type& of, const char* at, const char* end, void* to) {
  using kind = detail::row_kind;
  const kind what = of.alternative->alternatives[0]->kind;
  if (at == end) return nullptr;
  if (*at++ == 0) {
    switch (what) {
      case kind::integer: ::new (to) std::optional<std::int64_t>(); break;
      case kind::floating: ::new (to) std::optional<double>(); break;
      case kind::boolean: ::new (to) std::optional<bool>(); break;
      default: ::new (to) std::optional<std::string_view>();
    }
    return at;
  }
  switch (what) {
    case kind::integer: return put<std::int64_t>(at, end, to);
    case kind::floating: return put<double>(at, end, to);
    case kind::boolean: return put<bool>(at, end, to);
    default: return put_text(at, end, to);
  }
}

/// Calls `each(self, bytes)` with every frame of a parent.
class frame_cursor : public detail::cursor {
 public:
  explicit frame_cursor(std::unique_ptr<detail::cursor> from) : from_(std::move(from)) {}

  detail::flow step(const detail::sink& to) final {
    to_ = &to;
    return from_->step({this, [](void* self, const detail::chunk& rows) {
                          auto& me = *static_cast<frame_cursor*>(self);
                          const auto* const frames = static_cast<const frame*>(rows.rows);
                          auto answer = detail::flow::more;
                          for (std::uint32_t i = 0; i < rows.count && answer == detail::flow::more;
                               ++i)
                            answer = me.pass(frames[i].second, *me.to_);
                          return answer;
                        }});
  }

 private:
  virtual detail::flow pass(std::string_view bytes, const detail::sink& to) = 0;

  std::unique_ptr<detail::cursor> from_;
  const detail::sink* to_ = nullptr;
};

class cell_cursor final : public frame_cursor {
 public:
  cell_cursor(std::unique_ptr<detail::cursor> from, const detail::row_type& rows)
      : frame_cursor(std::move(from)),
        rows_(rows),
        buffer_(detail::allocate_aligned(std::size_t{detail::chunk_rows} * rows.size)) {}

 private:
  detail::flow pass(std::string_view bytes, const detail::sink& to) override {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (at != end) {
      std::uint32_t count = 0;
      for (; at != end && count < detail::chunk_rows; ++count) {
        char* const row = static_cast<char*>(buffer_.get()) + std::size_t{count} * rows_.size;
        for (std::uint32_t f = 0; f < rows_.field_count; ++f) {
          const detail::row_field& field = rows_.field(f);
          at = read_cell(*field.type, at, end, row + field.offset);
          if (at == nullptr) throw error("a Python worker gave columns that do not add up");
        }
      }
      if (to({buffer_.get(), count, false}) == detail::flow::enough) return detail::flow::enough;
    }
    return detail::flow::more;
  }

  const detail::row_type& rows_;
  detail::aligned_memory buffer_;
};

class line_cursor final : public frame_cursor {
 public:
  using frame_cursor::frame_cursor;

 private:
  detail::flow pass(std::string_view text, const detail::sink& to) override {
    while (!text.empty()) {
      lines_.clear();
      while (!text.empty() && lines_.size() < detail::chunk_rows) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines_.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
      }
      const auto count = static_cast<std::uint32_t>(lines_.size());
      if (to({lines_.data(), count, false}) == detail::flow::enough) return detail::flow::enough;
    }
    return detail::flow::more;
  }

  std::vector<std::string_view> lines_;
};

/// `rows` null: lines.
class node_of_frames final : public detail::node {
 public:
  node_of_frames(const detail::node_ptr& frames, const detail::row_type* rows)
      : node({frames->context(),
              rows != nullptr ? rows : &detail::row_type_of<std::string_view>(),
              "rows",
              frames->partitions(),
              {frames},
              {},
              nullptr}),
        cells_(rows != nullptr) {}
  std::unique_ptr<detail::cursor> open(int partition, detail::task_context& task) const override {
    auto from = task.open(*parents()[0], partition);
    if (!cells_) return std::make_unique<line_cursor>(std::move(from));
    return std::make_unique<cell_cursor>(std::move(from), rows());
  }

 private:
  bool cells_;
};

}  // namespace

const detail::row_type& cells_of(const std::string& kinds) { return cell_row_of(kinds).type; }
const detail::named_row& named_cells_of(const std::string& kinds) {
  return cell_row_of(kinds).named;
}

detail::node_ptr rows_of_cells(const detail::node_ptr& frames, const detail::row_type& rows) {
  return std::make_shared<node_of_frames>(frames, &rows);
}

detail::node_ptr lines_of_frames(const detail::node_ptr& frames) {
  return std::make_shared<node_of_frames>(frames, nullptr);
}

}  // namespace millrace::python
