#include "storage/framed_file.hpp"

#include <cstring>
#include <random>
#include <utility>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/detail/base/hash.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

constexpr std::string_view magic = "mrframes";
constexpr std::uint32_t format_version = 1;
constexpr std::size_t head_bytes = 32;     // of the file, and of each frame
constexpr std::size_t covered_bytes = 24;  // what the checksum of a head is of
constexpr std::uint64_t end_mark = UINT64_MAX;
constexpr std::uint32_t longest_description = 1U << 20;

/// What tells this file from an older one that lay at the same place on the disk.
std::uint64_t new_file_id() {
  std::random_device source;
  return std::uint64_t{source()} << 32 | source();
}

}  // namespace

framed_writer::framed_writer(output_file& to, std::string_view description)
    : to_(to), id_(new_file_id()) {
  if (description.size() > longest_description)
    throw error("the description of a framed file is too long, in bytes: " +
                std::to_string(description.size()));
  byte_writer head;
  head.raw(magic.data(), magic.size());
  head.u32(format_version);
  head.u32(static_cast<std::uint32_t>(description.size()));
  head.u64(id_);
  head.u64(checksum(head.data(), covered_bytes));
  head.raw(description.data(), description.size());
  head.u64(checksum(description.data(), description.size(), id_));
  to_.write(head.view());
  offset_ = head.size();
}

void framed_writer::frame(std::string_view payload, std::uint64_t records) {
  write(payload.size(), records, payload);
  records_ += records;
}

void framed_writer::finish() { write(end_mark, records_, {}); }

void framed_writer::write(std::uint64_t length, std::uint64_t records, std::string_view payload) {
  // Seeded with the place: a frame that was copied or left over from elsewhere is not believed.
  const std::uint64_t seed = id_ + offset_;
  byte_writer head;
  head.u64(length);
  head.u64(records);
  head.u64(checksum(payload.data(), payload.size(), seed));
  head.u64(checksum(head.data(), covered_bytes, seed));
  to_.write(head.view());
  if (!payload.empty()) to_.write(payload);
  offset_ += head.size() + payload.size();
}

framed_reader::framed_reader(std::unique_ptr<input_file> file) : file_(std::move(file)) {
  char head[head_bytes];
  read(0, head, head_bytes, "the file is too short for its head");
  byte_reader in(head, head_bytes);
  if (std::string_view(head, magic.size()) != magic)
    refuse("this is not a file of millrace's frames", 0);
  in.skip(magic.size());
  const std::uint32_t version = in.u32();
  const std::uint32_t length = in.u32();
  id_ = in.u64();
  if (in.u64() != checksum(head, covered_bytes)) refuse("the head's checksum is wrong", 0);
  if (version != format_version)
    refuse("the file is of format " + std::to_string(version) + ", and this program reads " +
               std::to_string(format_version),
           0);
  if (length > longest_description) refuse("the description is too long", 0);
  description_.resize(length);
  read(head_bytes, description_.data(), length, "the file ends in its description");
  std::uint64_t expected = 0;
  read(head_bytes + length, &expected, sizeof expected, "the file ends in its description");
  if (expected != checksum(description_.data(), length, id_))
    refuse("the description's checksum is wrong", head_bytes);
  offset_ = head_bytes + length + sizeof expected;
}

bool framed_reader::next(frame& next) {
  char head[head_bytes];
  read(offset_, head, head_bytes, "the file ends without its end mark");
  byte_reader in(head, head_bytes);
  const std::uint64_t seed = id_ + offset_;
  const std::uint64_t length = in.u64();
  const std::uint64_t records = in.u64();
  const std::uint64_t payload = in.u64();
  if (in.u64() != checksum(head, covered_bytes, seed))
    refuse("the checksum of a frame's head is wrong", offset_);
  const std::uint64_t begin = offset_ + head_bytes;
  if (length == end_mark) {
    if (records != records_)
      refuse("records are missing: " + std::to_string(records) + " were written and " +
                 std::to_string(records_) + " are there",
             offset_);
    if (begin != file_->size()) refuse("there is more after the end mark", begin);
    return false;
  }
  if (length > file_->size() || begin > file_->size() - length)
    refuse("the file ends within a frame of " + std::to_string(length) + " bytes", begin);
  const auto size = static_cast<std::size_t>(length);
  if (size > capacity_) {
    buffer_ = std::make_unique_for_overwrite<char[]>(size);
    capacity_ = size;
  }
  read(begin, buffer_.get(), size, "the file ends within a frame");
  if (payload != checksum(buffer_.get(), size, seed)) refuse("a frame's checksum is wrong", begin);
  next = {{buffer_.get(), size}, records, begin};
  records_ += records;
  offset_ = begin + length;
  return true;
}

void framed_reader::read(std::uint64_t offset, void* to, std::size_t count, std::string_view what) {
  if (count != 0 && file_->read_at(offset, to, count) != count) refuse(what, offset);
}

void framed_reader::refuse(std::string_view what, std::uint64_t offset) const {
  throw error("the file is damaged, " + std::string(what) + ": \"" + file_->path() +
              "\" at offset " + std::to_string(offset));
}

}  // namespace millrace::detail
