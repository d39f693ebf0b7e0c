#include "dataset/operations/text_cutter.hpp"

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataset/kernels.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"

namespace millrace::detail {

// The kernels write views as plain pairs of words; this is what makes that right.
static_assert(sizeof(text_view) == sizeof(std::string_view));

namespace {

class cut_cursor final : public cursor {
 public:
  cut_cursor(std::unique_ptr<block_cursor> blocks, text_cut cut)
      : blocks_(std::move(blocks)),
        cut_(cut),
        pieces_(allocate_aligned(chunk_capacity * sizeof(text_view))) {}

  flow step(const sink& to) override {
    while (position_ >= block_.size()) {
      if (!blocks_->next(block_)) return flow::enough;
      position_ = start_ = 0;
      unify_line_ends();
    }
    const std::uint32_t n = cut_some(static_cast<text_view*>(pieces_.get()));
    if (n == 0) return flow::more;
    return to({pieces_.get(), n, true});
  }

 private:
  std::uint32_t cut_some(text_view* out) {
    const auto& k = kernels();
    const char* text = block_.data();
    const std::size_t n = block_.size();
    switch (cut_.where) {
      case text_cut::at_fields:
        return k.cut_fields(text, n, cut_.delimiter, &position_, &start_, out, chunk_rows);
      case text_cut::at_words: return k.cut_words(text, n, &position_, &start_, out, chunk_rows);
      case text_cut::at_lines: break;
    }
    return k.cut_lines(text, n, &position_, &start_, out, chunk_rows);
  }

  // Text with '\r' is rare: it is rewritten, so that the kernels know one line end only.
  void unify_line_ends() {
    const auto* first = static_cast<const char*>(std::memchr(block_.data(), '\r', block_.size()));
    if (first == nullptr) return;
    unified_.resize(block_.size() + 64);  // kernels read past the end
    char* to = unified_.data();
    const char* const end = block_.data() + block_.size();
    for (const char* p = block_.data(); p != end; ++p) {
      if (*p != '\r') {
        *to++ = *p;
        continue;
      }
      *to++ = '\n';
      if (p + 1 != end && p[1] == '\n') ++p;
    }
    block_ = {unified_.data(), static_cast<std::size_t>(to - unified_.data())};
  }

  std::unique_ptr<block_cursor> blocks_;
  text_cut cut_;
  aligned_memory pieces_;
  std::string_view block_;
  std::size_t position_ = 0;
  std::size_t start_ = 0;
  std::vector<char> unified_;
};

}  // namespace

std::unique_ptr<cursor> cut_blocks(std::unique_ptr<block_cursor> blocks, text_cut cut) {
  return std::make_unique<cut_cursor>(std::move(blocks), cut);
}

}  // namespace millrace::detail
