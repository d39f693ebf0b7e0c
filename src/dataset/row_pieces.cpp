#include "dataset/row_pieces.hpp"

#include <algorithm>

namespace millrace::detail {

namespace {
constexpr std::size_t piece_bytes = std::size_t{4} << 20;
}

row_pieces::row_pieces(const row_type& type)
    : type_(&type), piece_rows_(std::max<std::size_t>(piece_bytes / type.size, chunk_capacity)) {}

std::size_t row_pieces::bytes() const {
  if (pieces_.empty()) return 0;
  return size() * type_->size + full_texts_ + pieces_.back().texts().bytes();
}

void row_pieces::make_room(std::size_t n) {
  if (!pieces_.empty()) {
    row_buffer& last = pieces_.back();
    const std::size_t wanted = last.size() + n;
    if (wanted <= last.capacity()) return;
    if (wanted <= piece_rows_) {
      last.reserve(std::clamp(last.capacity() * 2, wanted, piece_rows_));
      return;
    }
    full_rows_ += last.size();
    full_texts_ += last.texts().bytes();
  }
  pieces_.emplace_back(*type_);
  if (pieces_.size() > 1) pieces_.back().reserve(piece_rows_);
}

void row_pieces::append(const chunk& rows) {
  make_room(rows.count);
  pieces_.back().append(rows);
}

void* row_pieces::extend(std::size_t n) {
  make_room(n);
  return pieces_.back().extend(n);
}

}  // namespace millrace::detail
