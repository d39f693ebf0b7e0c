// Blocks of text into chunks of views.
#pragma once

#include <memory>

#include "millrace/detail/dataset/cursor.hpp"

namespace millrace::detail {

struct text_cut {
  enum at { at_lines, at_fields, at_words } where = at_lines;
  char delimiter = ' ';
};

/// Views into each block, until the next block is asked for. Lines end with "\n", "\r\n" or "\r".
std::unique_ptr<cursor> cut_blocks(std::unique_ptr<block_cursor> blocks, text_cut cut);

}  // namespace millrace::detail
