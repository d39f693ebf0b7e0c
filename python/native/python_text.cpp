#include "python_text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/detail/storage/text_blocks.hpp"

namespace millrace::python {

namespace {

using detail::flow;

constexpr std::string_view replacement = "\xef\xbf\xbd";

bool is_ascii(std::string_view text) {
  std::uint64_t all = 0;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    all |= word;
  }
  for (; i < text.size(); ++i) all |= static_cast<unsigned char>(text[i]);
  return (all & 0x8080808080808080) == 0;
}

/// Separators that only Python takes for white space.
bool has_separators(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 0x1c && c <= 0x1f; });
}

/// The bytes of what is no character: the longest beginning of one, as Python replaces them.
std::size_t broken_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0xc2 || first > 0xf4) return 1;
  const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 1;
  if (first < 0xf0 || (byte(2) & 0xc0) != 0x80) return 2;
  return 3;
}

bool is_white(std::string_view character) {
  static constexpr std::string_view all[] = {
      "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
      "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
      "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
      "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
  return std::find(std::begin(all), std::end(all), character) != std::end(all);
}

class cleaner {
 public:
  explicit cleaner(bool white_as_blank) : white_as_blank_(white_as_blank) {}

  bool is_clean(std::string_view text) const {
    if (white_as_blank_ && has_separators(text)) return false;
    if (is_ascii(text)) return true;
    if (white_as_blank_) return false;
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t n = detail::utf8_length(text.substr(i, 4));
      if (n == 0) return false;
      i += n;
    }
    return true;
  }
  std::string clean(std::string_view text) const {
    std::string out;
    out.reserve(text.size() + detail::text_block_reader::readable_after);
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t n = detail::utf8_length(text.substr(i, 4));
      const std::string_view character = text.substr(i, n);
      if (n == 0) {
        out += replacement;
        i += broken_length(text.substr(i, 4));
        continue;
      }
      i += n;
      if (white_as_blank_ && ((n == 1 && has_separators(character)) || is_white(character)))
        out += ' ';
      else
        out += character;
    }
    return out;
  }

 private:
  bool white_as_blank_;
};

class clean_blocks final : public detail::block_cursor {
 public:
  clean_blocks(std::unique_ptr<detail::block_cursor> from, cleaner by)
      : from_(std::move(from)), by_(by) {}

  bool next(std::string_view& block) override {
    if (!from_->next(block)) return false;
    if (by_.is_clean(block)) return true;
    own_ = by_.clean(block);
    const std::size_t size = own_.size();
    own_.resize(size + detail::text_block_reader::readable_after);
    block = std::string_view(own_).substr(0, size);
    return true;
  }

 private:
  std::unique_ptr<detail::block_cursor> from_;
  cleaner by_;
  std::string own_;
};

class clean_lines final : public detail::cursor {
 public:
  clean_lines(std::unique_ptr<detail::cursor> from, cleaner by)
      : from_(std::move(from)), by_(by) {}

  flow step(const detail::sink& to) override {
    to_ = &to;
    return from_->step({this, push});
  }

 private:
  static flow push(void* self, const detail::chunk& rows) {
    auto& me = *static_cast<clean_lines*>(self);
    const auto* lines = static_cast<const std::string_view*>(rows.rows);
    const auto clean = [&me](std::string_view line) { return me.by_.is_clean(line); };
    if (std::all_of(lines, lines + rows.count, clean)) return (*me.to_)(rows);
    std::vector<std::string> own;
    own.reserve(rows.count);
    std::vector<std::string_view> views(lines, lines + rows.count);
    for (auto& line : views)
      if (!clean(line)) line = own.emplace_back(me.by_.clean(line));
    return (*me.to_)({views.data(), rows.count, true});
  }

  std::unique_ptr<detail::cursor> from_;
  cleaner by_;
  const detail::sink* to_ = nullptr;
};

class python_text_node final : public detail::node {
 public:
  python_text_node(facts f, cleaner by) : node(std::move(f)), by_(by) {}

  std::unique_ptr<detail::cursor> open(int partition, detail::task_context& task) const override {
    return std::make_unique<clean_lines>(task.open(*parents()[0], partition), by_);
  }
  std::unique_ptr<detail::block_cursor> open_blocks(int partition,
                                                    detail::task_context& task) const override {
    auto blocks = task.open_blocks(*parents()[0], partition);
    if (blocks == nullptr) return nullptr;
    return std::make_unique<clean_blocks>(std::move(blocks), by_);
  }

 private:
  cleaner by_;
};

}  // namespace

detail::node_ptr python_text(const detail::node_ptr& lines, bool white_as_blank) {
  return std::make_shared<python_text_node>(
      detail::node::facts{lines->context(),
                          &detail::row_type_of<std::string_view>(),
                          "decode",
                          lines->partitions(),
                          {lines},
                          {},
                          nullptr},
      cleaner(white_as_blank));
}

}  // namespace millrace::python
