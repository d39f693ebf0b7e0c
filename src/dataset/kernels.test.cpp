#include "dataset/kernels.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataset/operations/text_cutter.hpp"
#include "dataset/table.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::detail {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::vector<const kernel_set*> sets() {
  std::vector<const kernel_set*> all{&portable_kernels()};
  if (avx2_kernels() != nullptr) all.push_back(avx2_kernels());
  return all;
}

/// Memory that ends at a page which may not be touched.
class guarded_memory {
 public:
  guarded_memory() : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    void* all =
        mmap(nullptr, 3 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<char*>(all);
    mprotect(base_, page_, PROT_NONE);
    mprotect(base_ + 2 * page_, page_, PROT_NONE);
  }
  guarded_memory(const guarded_memory&) = delete;
  guarded_memory& operator=(const guarded_memory&) = delete;
  ~guarded_memory() { munmap(base_, 3 * page_); }
  char* begin() { return base_ + page_; }
  char* end() { return base_ + 2 * page_; }

 private:
  std::size_t page_;
  char* base_;
};

std::uint32_t hash_of(const kernel_set& k, const key_source& source, std::string_view row) {
  std::uint32_t hash = 0;
  k.hash(&source, reinterpret_cast<const char*>(&row), sizeof row, 1, &hash);
  return hash;
}

std::string random_text(std::mt19937& random, std::size_t n, std::string_view alphabet) {
  std::string text(n, ' ');
  for (char& c : text) c = alphabet[random() % alphabet.size()];
  return text;
}

TEST(TextKeys, EveryLengthAndPlaceHashesAlike) {
  guarded_memory memory;
  const entry_layout layout(&row_type_of<std::string_view>(), nullptr);
  const key_source source = layout.source(0);
  std::mt19937 random(1);
  for (std::size_t n = 0; n <= 40; ++n) {
    const std::string text = random_text(random, n, "ab\0c"s);
    const auto expected = hash_of(portable_kernels(), source, text);
    // Before the page that may not be read, after the one before it, and around.
    for (std::size_t gap = 0; gap <= 20; ++gap) {
      for (char* at : {memory.end() - n - gap, memory.begin() + gap}) {
        std::memset(memory.begin(), '!', static_cast<std::size_t>(memory.end() - memory.begin()));
        if (n != 0) std::memcpy(at, text.data(), n);
        for (const auto* k : sets())
          EXPECT_EQ(hash_of(*k, source, {at, n}), expected)
              << k->name << " length " << n << " gap " << gap;
      }
    }
  }
  for (const auto* k : sets())  // no address at all
    EXPECT_EQ(hash_of(*k, source, {}), hash_of(*k, source, ""));
}

TEST(TextKeys, TheLengthCounts) {
  const entry_layout layout(&row_type_of<std::string_view>(), nullptr);
  const key_source source = layout.source(0);
  const std::string zeros(20, '\0');
  for (const auto* k : sets()) {
    std::set<std::uint32_t> seen;
    for (std::size_t n = 0; n <= zeros.size(); ++n) {
      seen.insert(hash_of(*k, source, {zeros.data(), n}));
    }
    EXPECT_EQ(seen.size(), zeros.size() + 1) << k->name;
  }
}

/// What a user would write: lines, and pieces of lines.
std::vector<std::string> naive_lines(std::string_view text) {
  std::vector<std::string> lines;
  std::string line;
  bool open = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    open = true;
    if (text[i] != '\n' && text[i] != '\r') {
      line += text[i];
      continue;
    }
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
    lines.push_back(line);
    line.clear();
    open = false;
  }
  if (open) lines.push_back(line);
  return lines;
}
std::vector<std::string> naive_pieces(std::string_view text, const text_cut& cut) {
  std::vector<std::string> all;
  for (const auto& line : naive_lines(text)) {
    if (cut.where == text_cut::at_lines) {
      all.push_back(line);
    } else if (cut.where == text_cut::at_fields) {
      std::string piece;
      for (char c : line)
        if (c == cut.delimiter) all.push_back(std::exchange(piece, {}));
        else piece += c;
      all.push_back(piece);
    } else {
      std::string piece;
      for (char c : line + " ")
        if (std::strchr(" \t\n\v\f\r", c) != nullptr && c != '\0') {
          if (!piece.empty()) all.push_back(std::exchange(piece, {}));
        } else {
          piece += c;
        }
    }
  }
  return all;
}

std::vector<std::string> cut_all(const kernel_set& k, const char* text, std::size_t n,
                                 const text_cut& cut, std::uint32_t cap) {
  std::vector<std::string> all;
  std::vector<text_view> out(cap + 64);
  std::size_t pos = 0;
  std::size_t start = 0;
  while (pos < n) {
    const auto count = cut.where == text_cut::at_lines
                           ? k.cut_lines(text, n, &pos, &start, out.data(), cap)
                       : cut.where == text_cut::at_fields
                           ? k.cut_fields(text, n, cut.delimiter, &pos, &start, out.data(), cap)
                           : k.cut_words(text, n, &pos, &start, out.data(), cap);
    EXPECT_LE(count, out.size());
    for (std::uint32_t i = 0; i < count; ++i) all.emplace_back(out[i].data, out[i].size);
  }
  return all;
}

const text_cut cuts[] = {{text_cut::at_lines, ' '},
                         {text_cut::at_fields, ' '},
                         {text_cut::at_fields, ','},
                         {text_cut::at_fields, '\0'},
                         {text_cut::at_words, ' '}};

TEST(Cutting, AgreesWithTheNaiveWayAtEveryLengthAndOffset) {
  std::mt19937 random(2);
  for (const std::string_view alphabet :
       {"a b\n"sv, "ab ,\t\n"sv, " "sv, "\n"sv, "\0 x\n"sv, "a"sv}) {
    for (std::size_t n = 1; n <= 200; ++n) {
      const std::string text = random_text(random, n, alphabet);
      const std::size_t offset = n % 67;
      std::string padded(offset, '#');
      padded += text + std::string(64, '\n');  // what is behind the end does not count
      for (const auto& cut : cuts) {
        const auto expected = naive_pieces(text, cut);
        for (const auto* k : sets())
          for (const std::uint32_t cap : {1U, 7U, 1024U})
            EXPECT_EQ(cut_all(*k, padded.data() + offset, n, cut, cap), expected)
                << k->name << " cap " << cap << " cut " << cut.where << " text '" << text << "'";
      }
    }
  }
}

class fixed_blocks final : public block_cursor {
 public:
  explicit fixed_blocks(const std::vector<std::string>& blocks) : blocks_(blocks) {}
  bool next(std::string_view& block) override {
    if (at_ == blocks_.size()) return false;
    const std::string& text = blocks_[at_++];
    current_ = std::make_unique<char[]>(text.size() + 64);  // the last block's memory is gone
    std::memcpy(current_.get(), text.data(), text.size());
    std::memset(current_.get() + text.size(), '\r', 64);
    block = {current_.get(), text.size()};
    return true;
  }

 private:
  const std::vector<std::string>& blocks_;
  std::unique_ptr<char[]> current_;
  std::size_t at_ = 0;
};

std::vector<std::string> cut_by_cursor(const std::vector<std::string>& blocks,
                                       const text_cut& cut) {
  std::vector<std::string> all;
  const auto cursor = cut_blocks(std::make_unique<fixed_blocks>(blocks), cut);
  const auto push = [](void* self, const chunk& rows) {
    EXPECT_LE(rows.count, chunk_capacity);
    for (std::uint32_t i = 0; i < rows.count; ++i)
      static_cast<std::vector<std::string>*>(self)->emplace_back(
          static_cast<const std::string_view*>(rows.rows)[i]);
    return flow::more;
  };
  while (cursor->step({&all, push}) == flow::more) {
  }
  return all;
}

TEST(Cutting, EveryKindOfLineEnd) {
  EXPECT_EQ(cut_by_cursor({"a\r\nb\rc\nd"}, {}), (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(cut_by_cursor({"\r\r\n\n\r"}, {}), (std::vector<std::string>{"", "", "", ""}));
  EXPECT_EQ(cut_by_cursor({"a\r", "b\n", "\r\n", "c"}, {}),
            (std::vector<std::string>{"a", "b", "", "c"}));
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> blocks;
    for (int b = 0; b < 3; ++b)
      blocks.push_back(random_text(random, 1 + random() % 300, "ab \r\n\r\n"sv) + "x\n");
    for (const auto& cut : cuts) {
      std::vector<std::string> expected;
      for (const auto& b : blocks)
        for (auto& piece : naive_pieces(b, cut)) expected.push_back(piece);
      EXPECT_EQ(cut_by_cursor(blocks, cut), expected);
    }
  }
}

TEST(Cutting, ManyPiecesAreManyChunks) {
  const std::string block(100'000, ' ');
  EXPECT_EQ(cut_by_cursor({block + "\n"}, {text_cut::at_fields, ' '}).size(), 100'001U);
  EXPECT_EQ(cut_by_cursor({block + "\n"}, {text_cut::at_words, ' '}).size(), 0U);
}

/// Runs the same calls on a table per kernel set and compares all that can be seen.
template <class K, class V>
void compare_tables(const std::vector<std::pair<K, V>>& rows,
                    void (*kernel_set::*sum)(table_core*, const key_source*, const char*,
                                             std::uint32_t, std::uint32_t, std::uint32_t)) {
  const auto& type = row_type_of<std::pair<K, V>>();
  const entry_layout layout(type.field(0).type, type.field(1).type);
  ASSERT_NE(layout.form(), key_form::general);
  const key_source source = layout.source(type.field(0).offset);
  std::vector<std::string> results;
  for (const auto* k : sets()) {
    arena texts;
    std::vector<std::uint64_t> entries((rows.size() + 1) * layout.stride() / 8);
    std::vector<std::uint32_t> index(4096);
    table_core core{};
    core.entries = reinterpret_cast<char*>(entries.data());
    core.index = index.data();
    core.mask = 4095;
    core.stride = layout.stride();
    core.value_at = layout.value_at();
    core.texts = &texts;
    const auto* first = reinterpret_cast<const char*>(rows.data());
    const auto n = static_cast<std::uint32_t>(rows.size());
    (k->*sum)(&core, &source, first, type.size, type.field(1).offset, n);
    std::string seen = std::to_string(core.used) + ":";
    std::vector<void*> slots(n);
    k->find(&core, &source, first, type.size, n, slots.data());
    for (void* s : slots) seen += std::to_string(static_cast<char*>(s) - core.entries) + ",";
    for (std::uint32_t e = 0; e < core.used; ++e) {
      const char* entry = core.entries + std::size_t{e} * layout.stride();
      row_buffer key(*type.field(0).type);
      layout.make_key(entry, key.place());
      key.added();
      print_row(*type.field(0).type, key.data(), seen);
      seen += "=";
      print_row(*type.field(1).type, entry + layout.value_at(), seen);
      std::uint32_t hash = 0;
      layout.hash_keys(static_cast<const char*>(key.data()), 0, type.field(0).type->size, 1, &hash);
      EXPECT_EQ(layout.hash(entry), hash);
    }
    results.push_back(seen);
  }
  for (const auto& r : results) EXPECT_EQ(r, results[0]);
}

struct packed_key {
  char c;
  std::int16_t s;
  std::int64_t l;
  bool operator==(const packed_key&) const = default;
};

TEST(Tables, KernelSetsAgree) {
  std::mt19937 random(4);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> texts;
    for (int i = 0; i < 1000; ++i) texts.push_back(random_text(random, random() % 41, "ab\0"s));
    std::vector<std::pair<std::string_view, int>> words;
    std::vector<std::pair<std::string, double>> strings;
    std::vector<std::pair<std::int64_t, std::int64_t>> numbers;
    std::vector<std::pair<std::int32_t, int>> small;
    std::vector<std::pair<packed_key, int>> packed;
    std::vector<std::pair<std::array<std::int64_t, 2>, double>> wide;
    std::vector<std::pair<char, int>> tiny;
    for (int i = 0; i < 1000; ++i) {
      const int v = static_cast<int>(random() % 1000) - 500;
      words.emplace_back(texts[static_cast<std::size_t>(i)], v);
      strings.emplace_back(texts[static_cast<std::size_t>(i)], v / 7.0);
      numbers.emplace_back(static_cast<std::int64_t>(random() % 300) << 33, v);
      small.emplace_back(static_cast<int>(random() % 300), v);
      packed.push_back(
          {{static_cast<char>(random() % 3), static_cast<std::int16_t>(random() % 9 - 4),
            static_cast<std::int64_t>(random() % 5) - 2},
           v});
      wide.push_back({{static_cast<std::int64_t>(random() % 9), -1}, v / 3.0});
      tiny.emplace_back(static_cast<char>(random()), v);
    }
    compare_tables(words, &kernel_set::sum_int32);
    compare_tables(strings, &kernel_set::sum_double);
    compare_tables(numbers, &kernel_set::sum_int64);
    compare_tables(small, &kernel_set::sum_int32);
    compare_tables(packed, &kernel_set::sum_int32);
    compare_tables(wide, &kernel_set::sum_double);
    compare_tables(tiny, &kernel_set::sum_int32);
  }
}

}  // namespace
}  // namespace millrace::detail
