// Which offsets a batch reads.
#pragma once

#include <cstdint>
#include <vector>

#include "millrace/kafka.hpp"

namespace millrace::detail::kafka {

/// Cuts what waits down to about `max_records`: each partition gets its part of them by how much it
/// has waiting, and at least one record, so that none waits for ever.
void share_out(std::vector<millrace::kafka::offset_range>& waiting, std::int64_t max_records);

}  // namespace millrace::detail::kafka
