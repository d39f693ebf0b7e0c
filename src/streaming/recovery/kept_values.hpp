// The values of a context's accumulators, as a log keeps them.
#pragma once

#include <vector>

#include "millrace/detail/engine/engine.hpp"
#include "streaming/recovery/checkpoint.hpp"

namespace millrace::detail {

/// Of all that have a name and rows' type; of several of one name, the first.
std::vector<kept_value> values_of(engine& of);
/// Gives them back to those of the same name and type.
void restore_values(engine& to, const std::vector<kept_value>& values);

}  // namespace millrace::detail
