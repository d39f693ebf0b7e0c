#include "millrace/detail/storage/text_blocks.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

/// Read past the end of a split, where the end of its last line must be looked for.
constexpr std::size_t read_ahead = std::size_t{64} << 10;
/// A block holds at least a byte order mark and a line end.
constexpr std::size_t least_block = 16;

/// The first of `\n` and `\r` in [from, to); `to`: none.
const char* first_line_end(const char* from, const char* to) {
  return std::find_if(from, to, [](char c) { return c == '\n' || c == '\r'; });
}

/// The last of `\n` and `\r` in [from, to); null: none. A window at a time, for in a file that has
/// only one of the two the search for the other would run through all of it.
const char* last_line_end(const char* from, const char* to) {
  constexpr std::ptrdiff_t window = 4096;
  while (from != to) {
    const auto count = static_cast<std::size_t>(std::min(window, to - from));
    const char* const begin = to - count;
    const auto* const feed = static_cast<const char*>(::memrchr(begin, '\n', count));
    const char* const rest = feed == nullptr ? begin : feed + 1;
    const void* const later = ::memrchr(rest, '\r', static_cast<std::size_t>(to - rest));
    if (later != nullptr) return static_cast<const char*>(later);
    if (feed != nullptr) return feed;
    to = begin;
  }
  return nullptr;
}

}  // namespace

text_block_reader::text_block_reader(std::unique_ptr<input_file> file, std::uint64_t begin,
                                     std::uint64_t end, options chosen)
    : file_{std::move(file)},
      begin_{begin},
      end_{end},
      limit_{std::max({chosen.line_limit, chosen.block, least_block})},
      capacity_{std::max(chosen.block, least_block)},
      base_{begin == 0 ? 0 : begin - 1} {}

text_block_reader::~text_block_reader() = default;

bool text_block_reader::next(std::string_view& block) {
  if (done_) return false;
  if (!started_) {
    started_ = true;
    done_ = begin_ >= end_ || !start();
    if (done_) return false;
  }
  for (;;) {
    const std::size_t cut = find_cut();
    if (cut != none) {
      if (cut - first_ > limit_) check_line_lengths(cut);
      block = {buffer_.get() + first_, cut - first_};
      block_offset_ = base_ + first_;
      first_ = cut;
      done_ = base_ + cut >= end_ || (file_ended_ && cut == last_);
      return true;
    }
    if (file_ended_) {
      done_ = true;
      return false;
    }
    fill();
  }
}

/// Moves to the first line that begins at or after `begin_`; false: none does before `end_`.
bool text_block_reader::start() {
  fill();
  if (begin_ == 0) {
    constexpr std::string_view mark = "\xef\xbb\xbf";
    if (std::string_view{buffer_.get(), last_}.starts_with(mark)) first_ = mark.size();
    return first_ != last_;
  }
  for (;;) {
    const char* const last = buffer_.get() + last_;
    const char* const line_end = first_line_end(buffer_.get() + first_, last);
    if (line_end != last) {
      const std::size_t after = after_line_end(line_end);
      if (after != none) {
        first_ = after;
        return base_ + first_ < end_ && !(file_ended_ && first_ == last_);
      }
    }
    if (file_ended_) return false;
    // What was looked through belongs to the split before this one, however long it is.
    first_ = static_cast<std::size_t>(line_end - buffer_.get());
    fill();
  }
}

/// Where the block that begins at `first_` may end: behind the last line of the split, else behind
/// the last whole line in the buffer; none: not even one line is whole.
std::size_t text_block_reader::find_cut() const {
  const char* const first = buffer_.get() + first_;
  const char* const last = buffer_.get() + last_;
  if (base_ + last_ >= end_) {
    // The line that holds the last byte of the split is the last one, and may end behind it. A
    // split that begins there looks for the same line end, in start(). A split may end within the
    // mark that is left out.
    const std::size_t split_last = end_ > base_ ? static_cast<std::size_t>(end_ - 1 - base_) : 0;
    const char* const line_end = first_line_end(buffer_.get() + split_last, last);
    if (line_end != last) {
      const std::size_t after = after_line_end(line_end);
      if (after != none) return after;
    }
  }
  if (file_ended_) return first_ == last_ ? none : last_;
  if (first == last) return none;
  // A `\r` in the last place may be half of a `\r\n`.
  const char* const line_end = last_line_end(first, last[-1] == '\r' ? last - 1 : last);
  return line_end == nullptr ? none : static_cast<std::size_t>(line_end + 1 - buffer_.get());
}

/// none: it is a `\r` in the last place of the buffer, and a `\n` may follow in the file.
std::size_t text_block_reader::after_line_end(const char* line_end) const {
  const auto after = static_cast<std::size_t>(line_end + 1 - buffer_.get());
  if (*line_end == '\n') return after;
  if (after == last_) return file_ended_ ? after : none;
  return buffer_[after] == '\n' ? after + 1 : after;
}

/// Moves what is left to the front and reads behind it.
void text_block_reader::fill() {
  const std::size_t kept = last_ - first_;
  if (!buffer_ || kept == capacity_) {
    // One byte more than a line may have, to see whether a `\n` follows its `\r`.
    if (kept > limit_) refuse_line(first_);
    if (buffer_) capacity_ = std::min(capacity_ * 2, limit_ + 1);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_ + readable_after);
    if (kept != 0) std::memcpy(larger.get(), buffer_.get() + first_, kept);
    buffer_ = std::move(larger);
  } else if (first_ != 0) {
    std::memmove(buffer_.get(), buffer_.get() + first_, kept);
  }
  base_ += first_;
  first_ = 0;
  last_ = kept;

  const std::uint64_t from = base_ + last_;
  const std::size_t room = capacity_ - last_;
  const std::uint64_t left = end_ > from ? end_ - from : 0;
  const std::size_t wanted =
      left >= room ? room : std::min(room, static_cast<std::size_t>(left) + read_ahead);
  const std::size_t got = file_->read_at(from, buffer_.get() + last_, wanted);
  last_ += got;
  file_ended_ = got < wanted;
  std::memset(buffer_.get() + last_, 0, readable_after);
  if (file_ended_ && end_ != whole_file && base_ + last_ < end_) {
    throw error{"the file was cut short after its reading was planned; it ends at " +
                std::to_string(base_ + last_) + " and not at " + std::to_string(end_) +
                " or later: \"" + file_->path() + "\""};
  }
}

void text_block_reader::check_line_lengths(std::size_t to) const {
  const char* const last = buffer_.get() + to;
  for (std::size_t line = first_; line < to;) {
    const char* const line_end = first_line_end(buffer_.get() + line, last);
    const std::size_t next = line_end == last ? to : after_line_end(line_end);
    if (next - line > limit_) refuse_line(line);
    line = next;
  }
}

void text_block_reader::refuse_line(std::size_t line) const {
  throw error{"a line is longer than the limit of " + std::to_string(limit_) +
              " bytes; raise files.maxLineBytes if it is right: at offset " +
              std::to_string(base_ + line) + " of \"" + file_->path() + "\""};
}

}  // namespace millrace::detail
