// Many rows in order, in buffers that stay where they are once they are full.
#pragma once

#include <cstddef>
#include <vector>

#include "millrace/detail/dataset/row_buffer.hpp"

namespace millrace::detail {

/// What a shuffle keeps of a partition. One array would be copied each time it grows, into memory
/// that nobody had before; a piece grows to 4 MiB, a size in which memory comes again from batch to
/// batch, and then another begins. One writer; any number of readers once writing is over.
class row_pieces {
 public:
  explicit row_pieces(const row_type& type);

  const row_type& type() const { return *type_; }
  std::size_t size() const { return full_rows_ + (pieces_.empty() ? 0 : pieces_.back().size()); }
  /// Of the rows and what they view.
  std::size_t bytes() const;
  const std::vector<row_buffer>& pieces() const { return pieces_; }

  /// As row_buffer::append.
  void append(const chunk& rows);
  /// Room for `n` more rows (chunk_capacity at most) side by side, uninitialised; `added` counts
  /// them in once they are constructed.
  void* extend(std::size_t n);
  void added(std::size_t n) { pieces_.back().added(n); }

 private:
  void make_room(std::size_t n);

  const row_type* type_;
  std::size_t piece_rows_;
  std::vector<row_buffer> pieces_;
  std::size_t full_rows_ = 0;   // in all pieces but the last
  std::size_t full_texts_ = 0;  // what these view
};

}  // namespace millrace::detail
