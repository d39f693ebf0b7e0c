// Rows that are numbers, as doubles.
#pragma once

#include <string_view>

#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

/// What numbers are given to, in blocks of at most chunk_rows; one a partition. Blocks are full but
/// for the last, so that results do not depend on how rows came in chunks.
class number_reader {
 public:
  number_reader() = default;
  number_reader(const number_reader&) = delete;
  number_reader& operator=(const number_reader&) = delete;
  virtual ~number_reader() = default;
  virtual void read(const double* numbers, std::uint32_t n) = 0;
};

/// Reads each partition with a reader of its own; gives the readers, in partition order. Rows are
/// of an arithmetic type.
std::vector<std::shared_ptr<number_reader>> read_numbers(
    const node_ptr& dataset, std::string_view action,
    const std::function<std::shared_ptr<number_reader>()>& make);

}  // namespace millrace::detail
