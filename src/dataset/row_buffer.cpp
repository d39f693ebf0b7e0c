#include "millrace/detail/dataset/row_buffer.hpp"

#include <algorithm>
#include <utility>

namespace millrace::detail {

cursor::~cursor() = default;
block_cursor::~block_cursor() = default;

row_buffer::row_buffer(row_buffer&& other) noexcept
    : type_(other.type_),
      data_(std::move(other.data_)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      texts_(std::move(other.texts_)),
      adopted_(std::move(other.adopted_)) {}

row_buffer& row_buffer::operator=(row_buffer&& other) noexcept {
  std::swap(type_, other.type_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(texts_, other.texts_);
  std::swap(adopted_, other.adopted_);
  return *this;
}

row_buffer::~row_buffer() { destroy_rows(*type_, data(), size_); }

void row_buffer::reserve(std::size_t rows) {
  if (rows <= capacity_) return;
  aligned_memory bigger = allocate_aligned(rows * type_->size);
  move_rows(*type_, bigger.get(), data(), size_);
  destroy_rows(*type_, data(), size_);
  data_ = std::move(bigger);
  capacity_ = rows;
}

void row_buffer::append(const chunk& rows, std::size_t n) {
  if (n == 0) return;
  if (size_ + n > capacity_) reserve(std::max(size_ + n, capacity_ * 2));
  if (rows.movable) move_rows(*type_, row(size_), rows.rows, n);
  else copy_rows(*type_, row(size_), rows.rows, n);
  const std::size_t first = size_;
  size_ += n;
  if (type_->holds_views)
    for (std::size_t i = first; i < size_; ++i) own_row(*type_, row(i), texts_);
}

void row_buffer::append(row_buffer&& other) {
  if (size_ == 0 && adopted_ == nullptr) {
    *this = std::move(other);
    return;
  }
  if (size_ + other.size_ > capacity_) reserve(std::max(size_ + other.size_, capacity_ * 2));
  move_rows(*type_, row(size_), other.data(), other.size_);
  size_ += other.size_;
  other.clear();
  if (other.texts_.bytes() == 0 && other.adopted_ == nullptr) return;
  other.data_ = nullptr;
  other.capacity_ = 0;
  auto holder = std::make_unique<row_buffer>(std::move(other));
  auto* last = holder.get();
  while (last->adopted_ != nullptr) last = last->adopted_.get();
  last->adopted_ = std::move(adopted_);
  adopted_ = std::move(holder);
}

void* row_buffer::extend(std::size_t n) {
  if (size_ + n > capacity_) reserve(std::max(size_ + n, capacity_ * 2));
  return row(size_);
}

void* row_buffer::place() {
  if (size_ == capacity_) reserve(std::max<std::size_t>(capacity_ * 2, 16));
  return row(size_);
}

void row_buffer::clear() {
  destroy_rows(*type_, data(), size_);
  size_ = 0;
}

sink row_buffer::collector() {
  return {this, [](void* self, const chunk& rows) {
            static_cast<row_buffer*>(self)->append(rows);
            return flow::more;
          }};
}

namespace {
class buffer_cursor final : public cursor {
 public:
  explicit buffer_cursor(row_buffer_ptr rows) : rows_(std::move(rows)) {}
  flow step(const sink& to) override {
    const std::size_t n = std::min<std::size_t>(chunk_rows, rows_->size() - next_);
    if (n == 0) return flow::enough;
    // Kept rows are read by many: never movable, and no consumer writes to rows that are not.
    const chunk rows{const_cast<void*>(rows_->row(next_)), static_cast<std::uint32_t>(n), false};
    next_ += n;
    const flow answer = to(rows);
    return next_ == rows_->size() ? flow::enough : answer;
  }

 private:
  row_buffer_ptr rows_;
  std::size_t next_ = 0;
};
}  // namespace

std::unique_ptr<cursor> read_rows(row_buffer_ptr rows) {
  return std::make_unique<buffer_cursor>(std::move(rows));
}

}  // namespace millrace::detail
