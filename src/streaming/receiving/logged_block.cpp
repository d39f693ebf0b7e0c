#include "streaming/receiving/logged_block.hpp"

#include <utility>

#include "millrace/error.hpp"
#include "streaming/receiving/joined_lines.hpp"

namespace millrace::detail {
namespace {

// The first byte of an entry.
constexpr std::uint8_t text_piece = 0;
constexpr std::uint8_t whole_rows = 1;

/// Whether `encode_row` writes the bytes that a row has in memory.
bool encoded_as_it_lies(const row_type& type) {
  switch (type.kind) {
    case row_kind::boolean:
    case row_kind::character:
    case row_kind::integer:
    case row_kind::floating:
    case row_kind::time: return true;
    case row_kind::record: {
      std::uint32_t end = 0;
      for (std::uint32_t i = 0; i < type.field_count; ++i) {
        const row_field& field = type.field(i);
        if (field.offset != end || !encoded_as_it_lies(*field.type)) return false;
        end += field.type->size;
      }
      return end == type.size;
    }
    default: return false;
  }
}

received_block rows_of(const row_type& type, byte_reader& in) {
  auto rows = std::make_shared<row_buffer>(type);
  const std::uint64_t count = in.varint();
  const std::size_t before = in.remaining();
  for (std::uint64_t i = 0; i < count; ++i) {
    decode_row(type, rows->place(), in, rows->texts());
    rows->added();
  }
  if (in.remaining() != 0) throw error("there are bytes behind the rows of a receiver's log");
  received_block block;
  block.records = static_cast<std::int64_t>(count);
  block.bytes = rows->size() * type.size + before;
  block.rows = std::move(rows);
  return block;
}

}  // namespace

void encode_entry(const received_block& block, byte_writer& to) {
  if (block.rows == nullptr) {
    to.u8(text_piece);
    to.raw(block.text.text.data(), block.text.text.size());
    return;
  }
  to.u8(whole_rows);
  to.varint(block.rows->size());
  const row_type& type = block.rows->type();
  if (encoded_as_it_lies(type)) {
    to.raw(block.rows->data(), block.rows->size() * type.size);
    return;
  }
  for (std::size_t i = 0; i < block.rows->size(); ++i) encode_row(type, block.rows->row(i), to);
}

received_block block_of(const row_type& rows, std::span<const std::string> entries) {
  joined_lines lines;
  for (const std::string& entry : entries) {
    byte_reader in(entry);
    const std::uint8_t kind = in.u8();
    if (kind == whole_rows && entries.size() == 1) return rows_of(rows, in);
    if (kind != text_piece) throw error("an entry of a receiver's log is of no kind that is known");
    lines.add(std::string_view(entry).substr(in.offset()));
  }
  std::vector<text_block> texts = lines.take();
  if (texts.size() != 1) throw error("entries of a receiver's log make no block");
  received_block block;
  block.text = std::move(texts.front());
  block.bytes = block.text.text.size();
  block.records = count_lines(block.text.text);
  return block;
}

}  // namespace millrace::detail
