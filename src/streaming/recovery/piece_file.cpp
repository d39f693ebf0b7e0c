#include "streaming/recovery/piece_file.hpp"

#include <utility>

namespace millrace::detail {
namespace {

constexpr std::uint8_t head_frame = 'h';
constexpr std::uint8_t format_version = 1;

std::uint64_t in_ms(time_point_ms time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}
time_point_ms from_ms(std::uint64_t ms) {
  return time_point_ms(std::chrono::milliseconds(static_cast<std::int64_t>(ms)));
}

}  // namespace

std::string piece_description(const kept_identity& of) {
  return "state of " + of.kind + " of " + of.fingerprint;
}

piece_writer::piece_writer(output_file& to, std::string_view description, const piece_head& head)
    : frames_(to, description) {
  piece_.time = head.time;
  piece_.since = head.since;
  out_.u8(head_frame);
  out_.u8(format_version);
  out_.u8(head.since ? 1 : 0);
  out_.u64(in_ms(head.time));
  out_.u64(head.since ? in_ms(*head.since) : 0);
  out_.varint(static_cast<std::uint64_t>(head.partition));
  out_.varint(static_cast<std::uint64_t>(head.partitions));
}

void piece_writer::begin(std::uint8_t kind, std::optional<std::uint64_t> number) {
  flush();
  kind_ = kind;
  number_ = number;
}

byte_writer& piece_writer::next() {
  if (records_ == 0) {
    out_.u8(kind_);
    if (number_) out_.varint(*number_);
  }
  ++records_;
  return out_;
}

void piece_writer::flush() {
  if (records_ != 0 || std::exchange(in_head_, false)) frames_.frame(out_.view(), records_);
  out_.clear();
  records_ = 0;
}

kept_piece piece_writer::finish() {
  flush();
  frames_.finish();
  piece_.bytes = frames_.bytes();
  piece_.records = frames_.records();
  return piece_;
}

piece_reader::piece_reader(std::unique_ptr<input_file> file, std::string_view description,
                           int partition, std::optional<time_point_ms> before)
    : frames_(std::move(file)) {
  if (frames_.description() != description)
    refuse("it holds " + frames_.description() + ", and not " + std::string(description));
  if (!next() || kind_ != head_frame) refuse("it has no head");
  try {
    read_head(partition, before);
  } catch (const error& e) {
    refuse(e.what());
  }
}

void piece_reader::read_head(int partition, std::optional<time_point_ms> before) {
  if (const std::uint8_t version = in_.u8(); version != format_version)
    throw error("the state is of format " + std::to_string(version) + ", and this program reads " +
                std::to_string(format_version));
  const bool whole = in_.u8() == 0;
  head_.time = from_ms(in_.u64());
  const time_point_ms since = from_ms(in_.u64());
  if (!whole) head_.since = since;
  if (head_.since != before || (before && head_.time <= *before))
    throw error("it does not follow from the file before it");
  const std::uint64_t one = in_.varint();
  const std::uint64_t of = in_.varint();
  if (one != static_cast<std::uint64_t>(partition) || one >= of || of > INT32_MAX)
    throw error("it is of another partition: " + std::to_string(one) + " of " + std::to_string(of));
  head_.partition = partition;
  head_.partitions = static_cast<int>(of);
}

bool piece_reader::next() {
  if (!frames_.next(frame_)) return false;
  in_ = byte_reader(frame_.payload);
  if (in_.remaining() == 0) refuse("a frame is empty");
  kind_ = in_.u8();
  return true;
}

void piece_reader::refuse(std::string_view why) const {
  frames_.refuse("what it holds makes no sense (" + std::string(why) + ")",
                 frame_.offset + in_.offset());
}

}  // namespace millrace::detail
