#include "dataset/row_frames.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::detail {

namespace {
/// Rows that are what their bytes are.
bool raw(const row_type& t) { return t.trivial && !t.holds_views; }
}  // namespace

row_frames::row_frames(const row_type& rows, spill_space* disk, bool ordered)
    : type_(&rows),
      disk_(disk),
      ordered_(ordered),
      most_rows_(raw(rows) ? std::clamp<std::uint32_t>(most_bytes / rows.size, 1, chunk_rows)
                           : chunk_rows) {}

std::size_t row_frames::bytes_in_memory() const {
  return rows_ * type_->size + (raw(*type_) ? 0 : bytes_);
}

void row_frames::append(const void* rows, std::size_t n, const row_order* orders) {
  const char* row = static_cast<const char*>(rows);
  while (n != 0) {
    auto some = static_cast<std::uint32_t>(std::min<std::size_t>(n, most_rows_ - waiting_));
    if (raw(*type_)) {
      encoded_.raw(row, std::size_t{some} * type_->size);
    } else {
      const std::uint32_t wanted = some;
      for (some = 0; some < wanted && encoded_.size() < most_bytes; ++some) {
        const std::size_t before = encoded_.size();
        try {
          encode_row(*type_, row + std::size_t{some} * type_->size, encoded_);
        } catch (...) {  // a codec of the user's
          encoded_.truncate(before);
          throw;
        }
      }
    }
    if (ordered_) {
      orders_.insert(orders_.end(), orders, orders + some);
      orders += some;
    }
    row += std::size_t{some} * type_->size;
    n -= some;
    waiting_ += some;
    rows_ += some;
    if (waiting_ == most_rows_ || encoded_.size() >= most_bytes) flush();
  }
}

void row_frames::finish() {
  flush();
  encoded_ = {};
  orders_ = {};
}

void row_frames::flush() {
  if (waiting_ == 0) return;
  if (ordered_) encoded_.raw(orders_.data(), orders_.size() * sizeof(row_order));
  frame next;
  next.rows = std::exchange(waiting_, 0);
  if (disk_ != nullptr) next.disk = disk_->write(encoded_.view());
  else next.memory = encoded_.view();
  bytes_ += encoded_.size();
  encoded_.clear();
  orders_.clear();
  frames_.push_back(std::move(next));
}

row_frames row_frames::moved_to(spill_space& disk) const {
  row_frames moved(*type_, &disk, ordered_);
  for (const frame& f : frames_) {
    frame& to = moved.frames_.emplace_back();
    to.rows = f.rows;
    to.disk = disk.write(f.memory);
  }
  moved.rows_ = rows_;
  moved.bytes_ = bytes_;
  return moved;
}

bool frame_reader::next() {
  if (at_ == from_->frames_.size()) return false;
  const row_frames::frame& f = from_->frames_[at_++];
  const row_type& type = *from_->type_;
  rows_.clear();
  rows_.texts().clear();
  const char* bytes = f.memory.data();
  std::size_t size = f.memory.size();
  if (from_->disk_ != nullptr) {
    size = f.disk.length;
    bytes_.resize(size);
    spill_space::read(f.disk, bytes_.data());
    bytes = bytes_.data();
  }
  if (from_->ordered_) {
    orders_.resize(f.rows);
    size -= f.rows * sizeof(row_order);
    std::memcpy(orders_.data(), bytes + size, f.rows * sizeof(row_order));
  }
  rows_.reserve(f.rows);
  if (raw(type)) {
    std::memcpy(rows_.extend(f.rows), bytes, size);
    rows_.added(f.rows);
    return true;
  }
  byte_reader in(bytes, size);
  for (std::uint32_t i = 0; i < f.rows; ++i) {
    decode_row(type, rows_.place(), in, rows_.texts());
    rows_.added();
  }
  return true;
}

namespace {

class frames_cursor final : public cursor {
 public:
  explicit frames_cursor(std::shared_ptr<const row_frames> rows)
      : held_(std::move(rows)), from_(*held_) {}
  flow step(const sink& to) override {
    if (!from_.next()) return flow::enough;
    return to({from_.rows().data(), static_cast<std::uint32_t>(from_.rows().size()), true});
  }

 private:
  std::shared_ptr<const row_frames> held_;
  frame_reader from_;
};

}  // namespace

std::unique_ptr<cursor> read_rows(std::shared_ptr<const row_frames> rows) {
  return std::make_unique<frames_cursor>(std::move(rows));
}

}  // namespace millrace::detail
