// Rows that are kept: results, caches, queues.
#pragma once

#include <cstddef>
#include <memory>

#include "millrace/detail/dataset/arena.hpp"
#include "millrace/detail/dataset/cursor.hpp"
#include "millrace/detail/dataset/row_type.hpp"
#include "millrace/detail/storage/memory.hpp"

namespace millrace::detail {

/// A growing array of rows of one type that owns them and all the text that they view.
/// One writer; any number of readers once writing is over. Rows move when it grows.
class row_buffer {
 public:
  explicit row_buffer(const row_type& type) : type_(&type) {}
  row_buffer(row_buffer&& other) noexcept;
  row_buffer& operator=(row_buffer&& other) noexcept;
  row_buffer(const row_buffer&) = delete;
  row_buffer& operator=(const row_buffer&) = delete;
  ~row_buffer();

  const row_type& type() const { return *type_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t capacity() const { return capacity_; }
  void* data() { return data_.get(); }
  const void* data() const { return data_.get(); }
  void* row(std::size_t i) { return static_cast<char*>(data_.get()) + i * type_->size; }
  const void* row(std::size_t i) const {
    return static_cast<const char*>(data_.get()) + i * type_->size;
  }
  /// Bytes held, texts included.
  std::size_t bytes() const { return capacity_ * type_->size + texts_.bytes(); }

  void reserve(std::size_t rows);
  /// Keeps the first `n` rows of the chunk: moved where they may be, copied else; what they view is
  /// copied.
  void append(const chunk& rows, std::size_t n);
  void append(const chunk& rows) { append(rows, rows.count); }
  /// Takes over rows and texts of another buffer of the same type.
  void append(row_buffer&& other);
  /// Room for one more row at the end, uninitialised; `added` counts it in once it is constructed.
  void* place();
  /// The same for `n` rows.
  void* extend(std::size_t n);
  void added(std::size_t n = 1) { size_ += n; }
  arena& texts() { return texts_; }
  const arena& texts() const { return texts_; }

  /// Destroys the rows; keeps the memory.
  void clear();

  /// A sink that appends all it is given.
  sink collector();

 private:
  const row_type* type_;
  aligned_memory data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  arena texts_;
  // Texts of buffers that were appended whole; freed with this one.
  std::unique_ptr<row_buffer> adopted_;
};

using row_buffer_ptr = std::shared_ptr<const row_buffer>;

/// Gives the rows of a kept buffer, chunk by chunk, and holds it meanwhile.
std::unique_ptr<cursor> read_rows(row_buffer_ptr rows);

}  // namespace millrace::detail
