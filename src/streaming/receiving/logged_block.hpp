// What a receiver stored, as entries of its log, and back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/streaming/receiving.hpp"

namespace millrace::detail {

/// Where the next run goes on in the log of a receiver.
struct receiver_position {
  std::string log;  // the directory's name
  std::uint64_t next = 1;
};

/// What a batch reads: entries of the log from `first` on, so many for each block.
struct receiver_range {
  std::string log;
  std::uint64_t first = 1;
  std::vector<std::uint32_t> blocks;

  std::uint64_t end() const {
    std::uint64_t at = first;
    for (const std::uint32_t entries : blocks) at += entries;
    return at;
  }
};

void encode_entry(const received_block& block, byte_writer& to);
/// The block that was stored as these entries. Several are pieces of text. Throws `error`.
received_block block_of(const row_type& rows, std::span<const std::string> entries);

}  // namespace millrace::detail
