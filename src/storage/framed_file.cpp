#include "storage/framed_file.hpp"

#include <algorithm>
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
constexpr std::size_t head_bytes = framed_writer::head_bytes;  // the file's head has as many
constexpr std::size_t covered_bytes = 24;                      // what the checksum of a head is of
constexpr std::uint64_t end_mark = UINT64_MAX;
constexpr std::uint32_t longest_description = 1U << 20;
constexpr std::size_t copied_bytes =
    4096;  // a payload up to this is written together with its head
constexpr std::size_t window_bytes = std::size_t{256} << 10;

/// Thrown where the bytes are not what was written; `next` of an open file catches it.
struct framed_flaw {
  std::string what;
  std::uint64_t offset;
  bool cut_short = false;  // there are fewer bytes
};

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
  offset_ += head.size() + payload.size();
  if (payload.size() > copied_bytes) {
    to_.write(head.view());
    to_.write(payload);
    return;
  }
  head.raw(payload.data(), payload.size());
  to_.write(head.view());
}

struct framed_reader::head {
  std::uint64_t length;
  std::uint64_t records;
  std::uint64_t payload;
  bool right;

  head(const char* bytes, std::uint64_t seed) {
    byte_reader in(bytes, head_bytes);
    length = in.u64();
    records = in.u64();
    payload = in.u64();
    right = in.u64() == checksum(bytes, covered_bytes, seed);
  }
};

framed_reader::framed_reader(std::unique_ptr<input_file> file, ending wanted)
    : file_(std::move(file)), ending_(wanted) {
  try {
    begin();
  } catch (framed_flaw& e) {
    // A writer may die before the first of its bytes are on the disk.
    if (ending_ == ending::marked || !(e.cut_short || blank())) refuse(e.what, e.offset);
    description_.clear();
    flawed_ = true;
    flaw_ = {std::move(e.what), 0};
  }
}

bool framed_reader::blank() {
  char bytes[head_bytes];
  const std::size_t got = file_->read_at(0, bytes, sizeof bytes);
  return std::all_of(bytes, bytes + got, [](char c) { return c == 0; });
}

void framed_reader::begin() {
  const auto flaw = [](std::string_view what, std::uint64_t offset) {
    throw framed_flaw{std::string(what), offset};
  };
  char bytes[head_bytes];
  read(0, bytes, head_bytes, "the file is too short for its head");
  byte_reader in(bytes, head_bytes);
  if (std::string_view(bytes, magic.size()) != magic)
    flaw("this is not a file of millrace's frames", 0);
  in.skip(magic.size());
  const std::uint32_t version = in.u32();
  const std::uint32_t length = in.u32();
  id_ = in.u64();
  if (in.u64() != checksum(bytes, covered_bytes)) flaw("the head's checksum is wrong", 0);
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
    flaw("the description's checksum is wrong", head_bytes);
  offset_ = head_bytes + length + sizeof expected;
}

bool framed_reader::next(frame& next) {
  if (flawed_) return false;
  try {
    return read_frame(next);
  } catch (framed_flaw& e) {
    if (ending_ == ending::marked) refuse(e.what, e.offset);
    flawed_ = true;
    flaw_ = {std::move(e.what), offset_};
    return false;
  }
}

bool framed_reader::read_frame(frame& next) {
  char bytes[head_bytes];
  read(offset_, bytes, head_bytes, "the file ends without its end mark");
  const head h(bytes, id_ + offset_);
  if (!h.right) throw framed_flaw{"the checksum of a frame's head is wrong", offset_};
  const std::uint64_t begin = offset_ + head_bytes;
  if (h.length == end_mark) {
    if (h.records != records_ && !sought_)
      refuse("records are missing: " + std::to_string(h.records) + " were written and " +
                 std::to_string(records_) + " are there",
             offset_);
    if (begin != file_->size()) refuse("there is more after the end mark", begin);
    return false;
  }
  load(begin, h);
  next = {{buffer_.get(), static_cast<std::size_t>(h.length)}, h.records, begin};
  records_ += h.records;
  offset_ = begin + h.length;
  return true;
}

void framed_reader::seek(std::uint64_t to) {
  offset_ = to;
  sought_ = true;
}

/// The payload of a frame whose head was right, to the buffer.
void framed_reader::load(std::uint64_t begin, const head& h) {
  if (h.length > file_->size() || begin > file_->size() - h.length)
    throw framed_flaw{"the file ends within a frame of " + std::to_string(h.length) + " bytes",
                      begin};
  const auto size = static_cast<std::size_t>(h.length);
  if (size > capacity_) {
    buffer_ = std::make_unique_for_overwrite<char[]>(size);
    capacity_ = size;
  }
  read(begin, buffer_.get(), size, "the file ends within a frame");
  if (h.payload != checksum(buffer_.get(), size, id_ + begin - head_bytes))
    throw framed_flaw{"a frame's checksum is wrong", begin};
}

bool framed_reader::find(frame& next) {
  std::string window;
  while (offset_ + 1 + head_bytes <= file_->size()) {
    const std::uint64_t from = offset_ + 1;
    window.resize(static_cast<std::size_t>(
        std::min<std::uint64_t>(file_->size() - from, window_bytes + head_bytes - 1)));
    read(from, window.data(), window.size(), "the file was cut short meanwhile");
    for (std::size_t i = 0; i + head_bytes <= window.size(); ++i) {
      offset_ = from + i;
      const head h(window.data() + i, id_ + offset_);
      if (!h.right) continue;
      const std::uint64_t begin = offset_ + head_bytes;
      if (h.length == end_mark) {
        next = {{}, h.records, begin};
        return true;
      }
      try {
        load(begin, h);
      } catch (const framed_flaw&) {
        continue;  // this one is not whole either
      }
      next = {{buffer_.get(), static_cast<std::size_t>(h.length)}, h.records, begin};
      return true;
    }
  }
  return false;
}

void framed_reader::read(std::uint64_t offset, void* to, std::size_t count, std::string_view what) {
  if (count != 0 && file_->read_at(offset, to, count) != count)
    throw framed_flaw{std::string(what), offset, true};
}

void framed_reader::refuse(std::string_view what, std::uint64_t offset) const {
  throw error("the file is damaged, " + std::string(what) + ": \"" + file_->path() +
              "\" at offset " + std::to_string(offset));
}

}  // namespace millrace::detail
